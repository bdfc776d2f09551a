"""Every reason why a file, a series or a segmentation is doubted, left out or refused.

One table holds severity and sentence of each code: ``error`` means that something was not used, ``warning`` that it was
used with a doubt, ``information`` that nothing was lost. The sentences hold no patient data and no paths.
"""

from __future__ import annotations

from tumorcast_core.snapshot import Issue, Severity

ORIGIN = "imaging"

_FILE_ERRORS = {
    "NOT_A_FILE": "It is not a regular file.",
    "UNREADABLE": "The file cannot be opened.",
    "NOT_DICOM": "The file is not DICOM (Part 10).",
    "FILE_TOO_LARGE": "The file is larger than the limit.",
    "TOO_MANY_FILES": "There are more files than the limit; none was read.",
    "MALFORMED_HEADER": "The DICOM header cannot be read, or has more attributes than the limit.",
    "HEADER_INCOMPLETE": "The DICOM header lacks an attribute that is needed.",
}
_SERIES_ERRORS = {
    # what kind of image it is
    "PET_NOT_SUPPORTED": "PET is not read yet: standardized uptake values need rules that are not there yet.",
    "MULTI_FRAME_NOT_SUPPORTED": "Multi-frame images are not read yet.",
    "UNSUPPORTED_SOP_CLASS": "Only single-frame CT and MR image storage is read.",
    "ONLY_LOCALIZERS": "The series holds localizers only.",
    "UNSUPPORTED_TRANSFER_SYNTAX": "Only uncompressed transfer syntaxes are read.",
    "UNSUPPORTED_PIXEL_FORMAT": "Only one integer sample of 8 or 16 bits a pixel is read.",
    "MONOCHROME1": "Inverted gray scale (MONOCHROME1) is not read.",
    "UNSUPPORTED_UNIT": "The rescaled values of the CT are not in Hounsfield units.",
    "RESCALE_MISSING": "Rescale slope or intercept is missing on a slice, or unusable.",
    # which slices stand together
    "MIXED_IMAGE_TYPES": "A few original images share the series with more derived or secondary ones.",
    "MIXED_PATIENTS": "Images of different patients share one series or study.",
    "MIXED_STUDIES": "Images of different studies share one series.",
    "MIXED_MODALITIES": "Images of different kinds share one series.",
    "MIXED_FRAMES_OF_REFERENCE": "Slices of the series have different frames of reference.",
    "MIXED_SIZES": "Slices of the series have different numbers of rows or columns.",
    "MIXED_SPACING": "Slices of the series have different pixel spacing.",
    "MIXED_ORIENTATION": "Slices of the series have different orientation.",
    "MIXED_ACQUISITIONS": "Slices of several acquisitions are interleaved.",
    # where they lie
    "BAD_SPACING": "Pixel spacing is missing or not plausible.",
    "BAD_ORIENTATION": "Image orientation is missing or not two perpendicular unit vectors.",
    "BAD_POSITION": "Image position is missing or not plausible.",
    "DUPLICATE_SLICE": "Two different slices lie at the same position.",
    "MISSING_SLICE": "A slice is missing inside the series.",
    "IRREGULAR_SPACING": "The gaps between the slices differ.",
    "GANTRY_TILT": "The slices are not stacked along their normal (gantry tilt).",
    "SPACING_UNKNOWN": "A single slice without a plausible slice thickness has no extent.",
    # what they hold
    "NO_PIXELS": "An image holds no pixels.",
    "TRUNCATED_PIXELS": "The pixels of a slice are cut off.",
    "EXCESS_PIXELS": "A slice holds more pixels than its rows and columns.",
    "TOO_MANY_VOXELS": "The volume is larger than the limit.",
    "CHANGED_WHILE_READ": "A file changed while it was read.",
}
_STUDY_ERRORS = {
    "NO_DICOM": "No DICOM file was found.",
    "NO_VOLUME": "No series of the study could be used.",
}
_SEGMENTATION_ERRORS = {
    "SEGMENTATION_MISSING": "The study holds no segmentation, so no lesion was measured or encoded.",
    "SEGMENTATION_NOT_FOUND": "The study holds no segmentation of the given UID.",
    "AMBIGUOUS_SEGMENTATION": "The study holds several segmentations; say which one by its SOP instance UID.",
    "SEGMENTATION_SERIES_AMBIGUOUS": "The segmentation fits several series and does not say which one is meant.",
    "AMBIGUOUS_SEGMENT": "The segmentation holds several segments; one lesion per segmentation is read.",
    "MALFORMED_SEGMENTATION": "The segmentation cannot be read.",
    "UNSUPPORTED_SEGMENTATION_TYPE": "Only binary segmentations are read.",
    "SEGMENTATION_OF_ANOTHER_PATIENT": "The segmentation belongs to another patient or study.",
    "SEGMENTATION_OF_ANOTHER_SERIES": "The segmentation was drawn on another series.",
    "SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS": "Segmentation and series have different frames of reference.",
    "SEGMENTATION_GRID_DIFFERS": "The segmentation does not lie on the pixels of its series.",
    "EMPTY_SEGMENTATION": "The segmentation marks no voxel.",
}
_WARNINGS = {
    "PADDING_AS_AIR": "Padding outside the scanned field was set to air.",
    "FRAME_OF_REFERENCE_MISSING": "The series states no frame of reference, so it could not be compared.",
    "SINGLE_SLICE": "The series is a single slice; its thickness stands for the gap.",
    "SEGMENTATION_SERIES_UNSTATED": "The segmentation does not say on which series it was drawn; its position fits.",
    "LOCALIZER": "A localizer was left out of its series.",
    "DERIVED_IMAGE": "A derived or secondary image was left out of an otherwise original series.",
}
_INFORMATION = {
    "NOT_AN_IMAGE": "A DICOM object without pixels to read was left out.",
    "DUPLICATE_FILE": "A second copy of the same file was left out.",
}

_TABLE: dict[str, tuple[Severity, str]] = {
    **{
        code: (Severity.ERROR, text)
        for errors in (_FILE_ERRORS, _SERIES_ERRORS, _STUDY_ERRORS, _SEGMENTATION_ERRORS)
        for code, text in errors.items()
    },
    **{code: (Severity.WARNING, text) for code, text in _WARNINGS.items()},
    **{code: (Severity.INFORMATION, text) for code, text in _INFORMATION.items()},
}

CODES = frozenset(_TABLE)
"""Every code this package gives."""


def issue(code: str, location: str = "") -> Issue:
    """The issue of that code at a DICOM UID.

    >>> issue("MISSING_SLICE").message
    'A slice is missing inside the series.'
    """
    severity, message = _TABLE[code]
    return Issue(severity, code, message, location, ORIGIN)


class Refused(Exception):  # noqa: N818 - a decision, not a fault; caught inside this package
    """A file, series or segmentation is not used; ``code`` says why. Never leaves this package."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
