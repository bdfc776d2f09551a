"""What a reader of a change table should know, as codes with a sentence each; none holds patient data."""

from __future__ import annotations

from tumorcast_core.snapshot import Issue, Severity

_ERRORS = {
    "REGISTRATION_FAILED": "Two studies could not be aligned; only lesions of one tracking UID are compared.",
    "NO_TARGETS": "No lesion of the baseline is measurable by RECIST 1.1, so there is no sum of diameters.",
    "NO_BASELINE_LESION": "No lesion was drawn on CT or MR at baseline, so there is no response by RECIST 1.1.",
}
_WARNINGS = {
    "AMBIGUOUS_MATCH": "Lesions can be told apart in more than one way; no change is computed until a reader decides.",
    "FRAME_OF_REFERENCE_DOUBTED": "Two studies name one frame of reference, but their anatomy is not in one place.",
    "LESION_NOT_DRAWN": "The lesion lies in the field of view, but is not drawn; it counts as gone.",
    "LESION_NOT_COVERED": "The lesion lies outside the field of view of the study; it counts as not evaluated.",
    "LESION_NOT_COMPARED": "The lesion could not be compared with those of the other studies.",
    "NEW_LESION_NOT_COVERED_BEFORE": "The new lesion lies where no earlier study looked; RECIST 1.1 counts it as new.",
    "NEW_LESION_BESIDE_KNOWN": "The new lesion touches a known one and may be a part of it; it counts as equivocal.",
    "NEW_NODE_BELOW_10_MM": "The new lymph node is below 10 mm in short axis; it counts as equivocal.",
    "TRACKING_UID_DIFFERS": "Lesions were matched by place although they have different tracking UIDs.",
    "TRACKING_UID_FAR": "A tracking UID links lesions that lie far apart; the UID was followed.",
    "SEVERAL_SERIES": "Lesions were drawn on several series of one kind on one day; the one with most was used.",
    "ONE_MODALITY_FOR_RECIST": "Lesions drawn on other kinds of image are not in the sum of diameters.",
    "MEASURED_ON_OTHER_KIND": "The lesion's diameter is from another kind of image, linked by its tracking UID.",
    "ORGAN_UNKNOWN": "Organs of lesions are not named; all of these count as one organ, with two targets at most.",
    "NON_TARGET_BY_READER": "Unequivocal progression of non-target lesions is a reader's call, not concluded here.",
    "SUM_INCOMPLETE": "A target lesion was not evaluated, so the study has no sum of diameters.",
    "IMPLAUSIBLE_SUM": "The sum of diameters lies outside the catalog's range and is left out.",
}
_INFORMATION = {
    "REGISTERED": "The studies have different frames of reference and were aligned by their images.",
}

_TABLE: dict[str, tuple[Severity, str]] = {
    **{code: (Severity.ERROR, text) for code, text in _ERRORS.items()},
    **{code: (Severity.WARNING, text) for code, text in _WARNINGS.items()},
    **{code: (Severity.INFORMATION, text) for code, text in _INFORMATION.items()},
}

CODES = frozenset(_TABLE)
"""Every code this package gives."""


def doubt(code: str, location: str = "") -> Issue:
    """The issue of that code, at a lesion, a day or both.

    >>> doubt("LESION_NOT_DRAWN", "L2 2026-05-04").severity.value
    'warning'
    """
    severity, message = _TABLE[code]
    return Issue(severity, code, message, location, "imaging")
