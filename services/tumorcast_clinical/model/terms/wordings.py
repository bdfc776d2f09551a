"""Answers in words that follow a grammar: stage groups, TNM categories, performance grades.

Each parser takes words in lower case, blanks made single, and gives a member of the value set; ``None`` if the words
say nothing of it, ``OTHER_BASIS`` if they say it of another staging (pathologic for clinical, after therapy, at
recurrence, at autopsy), so that it is refused and not misread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

OTHER_BASIS = "stated on another basis"

_AUTHORITY = (
    r"(?:(?:ajcc|uicc|american joint committee on cancer|union for international cancer control)(?: (?:v?\d+))?:? )?"
)
_TAG = r"(?: \((?:qualifier value|finding)\)| category(?: \(finding\))?)?"
_STAGE = re.compile(
    _AUTHORITY + r"(?:(?:clinical|pathologic|pathological|anatomic) )?"
    r"(?:stage ?(?:group)?:? ?)?[cp]?(iv|i{1,3}|[1-4])(?: ?[a-e]\d?| bulky)?" + _TAG
)
_GRADE = re.compile(
    r"(?:(?:(?:ecog|eastern cooperative oncology group|who|zubrod)(?: performance status| ps)?|performance status|ps)"
    r"(?: -)?(?: (?:grade|score))?[: ]*)?"
    r"([0-5])(?: \(finding\))?"
)
_TNM = {
    "t": re.compile(_AUTHORITY + r"([acpry]*)t(x|is|a|[0-4])(?:mi|[a-e]\d?|\d)?(?: ?\([^()]{1,12}\))*" + _TAG),
    "n": re.compile(_AUTHORITY + r"([acpry]*)n(x|[0-3])(?:mi|[a-c]\d?)?(?: ?\([^()]{1,12}\))*" + _TAG),
    "m": re.compile(_AUTHORITY + r"([acpry]*)m(x|[01])(?:[a-e]\d?)?(?: ?\([^()]{1,12}\))*" + _TAG),
}
# Stagings whose I to IV, or 1 to 4, are no anatomic stage group
_ANOTHER_STAGING = re.compile(
    r"clark|breslow|\brai\b|binet|\br?-?iss\b|international staging system|durie|okuda|bclc|barcelona|masaoka|\binss\b|"
    r"\binrg|dukes|gleason|\bgrad(?:e|ing)\b|murphy|jude|children|\bsiop\b|pretext|\bckd\b|\bgold\b|nyha|"
    r"\b[tnm] category"
)
_HER2 = re.compile(
    r"(?:(?:her-?2(?:/neu)?|ihc|score)[: ]+)*"
    r"(?:([0-3])\+?(?:[ ,(-]+(negative|equivocal|positive)\)?)?|"
    r"(negative|equivocal|positive)[ ,(-]+(?:ihc |score )?([0-3])\+?\)?)"
)
_HER2_BY_SCORE = {"0": "negative", "1": "negative", "2": "equivocal", "3": "positive"}
_RECEPTOR = re.compile(r"(positive|negative)[ ,:(-]+(<|>|<=|>=|~)? ?(\d{1,3}) ?%\)?")
_KARNOFSKY = re.compile(r"(?:(?:kps|karnofsky)(?: performance status)?[: ]*)?(\d0|100|0) ?%?")
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV"}


def worded(words: str, value_set: str) -> str | None:
    """What words mean in a value set with a grammar of its own; ``None`` if nothing, or if the set has none.

    >>> worded("ct2a", "clinical_t"), worded("stage iiia", "stage_group")
    ('T2', 'III')
    """
    parse = _PARSERS.get(value_set)
    return parse(words) if parse else None


def _stage_group(words: str) -> str | None:
    match = _STAGE.fullmatch(words)
    return _ROMAN.get(match[1], match[1].upper()) if match else None


def is_of_another_staging(words: str) -> bool:
    """Whether words in lower case name a staging whose stages are no anatomic stage groups.

    >>> is_of_another_staging("rai stage"), is_of_another_staging("clinical stage group (ajcc)")
    (True, False)
    """
    return bool(_ANOTHER_STAGING.search(words))


def _her2(words: str) -> str | None:
    """An immune stain's score, with its interpretation if the two agree."""
    match = _HER2.fullmatch(words)
    if match is None:
        return None
    found = _HER2_BY_SCORE[match[1] or match[4]]
    return found if (match[2] or match[3] or found) == found else None


def _receptor(words: str) -> str | None:
    """A status with the percentage of stained cells, if the two agree: positive from 1 % on."""
    match = _RECEPTOR.fullmatch(words)
    if match is None or int(match[3]) > 100:
        return None
    below = int(match[3]) < 1 or (int(match[3]) == 1 and match[2] == "<")
    return match[1] if below == (match[1] == "negative") else None


def _karnofsky(words: str) -> str | None:
    match = _KARNOFSKY.fullmatch(words)
    return match[1] if match else None


def _ecog(words: str) -> str | None:
    match = _GRADE.fullmatch(words)
    return match[1] if match else None


def _tnm(axis: str, basis: str) -> Callable[[str], str | None]:
    pattern = _TNM[axis]

    def parse(words: str) -> str | None:
        match = pattern.fullmatch(words)
        if match is None:
            return None
        if match[1] not in ("", *basis):
            return OTHER_BASIS
        suffix = "X" if match[2] == "x" else match[2]
        return axis.upper() + suffix

    return parse


_PARSERS: Mapping[str, Callable[[str], str | None]] = {
    "stage_group": _stage_group,
    "ecog": _ecog,
    "her2": _her2,
    "karnofsky": _karnofsky,
    "receptor": _receptor,
    **{f"clinical_{axis}": _tnm(axis, "c") for axis in _TNM},
    **{f"pathologic_{axis}": _tnm(axis, "p") for axis in _TNM},
    **{f"any_{axis}": _tnm(axis, "cp") for axis in _TNM},
}
