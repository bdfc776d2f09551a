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
    "INFLATED_TOO_LARGE": "The deflated file unfolds to more than the limit.",
    "HEADER_INCOMPLETE": "The DICOM header lacks an attribute that is needed.",
}
_SERIES_ERRORS = {
    # what kind of image it is
    "MULTI_FRAME_NOT_SUPPORTED": "Multi-frame images other than enhanced CT and MR are not read.",
    "UNSUPPORTED_SOP_CLASS": "Only CT, MR and PET image storage and enhanced CT and MR are read.",
    "ONLY_LOCALIZERS": "The series holds localizers only.",
    "UNSUPPORTED_TRANSFER_SYNTAX": "The pixels are compressed in a way that is not read.",
    "UNSUPPORTED_PIXEL_FORMAT": "Only one integer sample of 8 or 16 bits a pixel is read.",
    "UNSUPPORTED_UNIT": "The rescaled values of the CT are not in Hounsfield units.",
    "PADDING_AMBIGUOUS": "The value that is said to be padding is one of tissue.",
    "MODALITY_LUT": "The image has a modality lookup table in place of rescale slope and intercept.",
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
    "TOO_MANY_FRAMES": "An image has more frames than the limit.",
    "TOO_MANY_VOXELS": "The volume is larger than the limit.",
    "PIXEL_FORMAT_DIFFERS": "The compressed pixels have another size or format than the header says.",
    "UNDECODABLE_PIXELS": "The compressed pixels of a slice are corrupt.",
    "DECODER_TIMEOUT": "Decompressing the pixels of a slice took longer than the limit.",
    "DECODER_OUT_OF_MEMORY": "Decompressing the pixels of a slice took more memory than the limit.",
    "DECODER_CRASHED": "The decoder ended while it decompressed a slice.",
    "CHANGED_WHILE_READ": "A file changed while it was read.",
    # what its uptake is (PET)
    "SUV_UNITS_NOT_SUPPORTED": "PET in PROPCNT, CM2ML, NONE or other units than BQML, CNTS and GML is not read.",
    "SUV_TYPE_NOT_SUPPORTED": "Uptake by lean body mass, ideal weight or surface is not read, only by body weight.",
    "SUV_NOT_CORRECTED": "The PET is not said to be corrected for attenuation and decay.",
    "SUV_DECAY_CORRECTION_UNKNOWN": "The PET does not say that decay was corrected to its start or to the injection.",
    "SUV_COUNTS_NOT_SCALED": "The PET is in counts without a plausible factor to uptake or activity.",
    "SUV_MIXED_IMAGES": "Images of one PET series differ in units, dose, weight, nuclide or times.",
    "SUV_RADIOPHARMACEUTICAL_UNSURE": "The PET names none or several radiopharmaceuticals.",
    "SUV_WEIGHT_IMPLAUSIBLE": "The body weight is missing or not plausible in kg.",
    "SUV_DOSE_IMPLAUSIBLE": "The injected dose is missing or not plausible in Bq.",
    "SUV_HALF_LIFE_IMPLAUSIBLE": "The half-life is missing, not plausible or not that of the radionuclide.",
    "SUV_TIMES_UNSURE": "The times of injection and scan are missing, contradict each other or leave the day open.",
    "SUV_DECAY_CONTRADICTED": "The decay correction of the PET contradicts its times, frames or scale factors.",
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
_FILE_OUT_ERRORS = {
    "NIFTI_LIMITS": "The volume is too long, or lies too far off, for a NIfTI-1 file.",
    "FILE_EXISTS": "Another file of that name is in the output folder; it was left as it is.",
}
_WARNINGS = {
    "SUV_SCAN_START_INFERRED": "The PET does not state the start of the scan; it was counted back from its frames.",
    "PADDING_AS_AIR": "Padding outside the scanned field was set to air.",
    "FRAME_OF_REFERENCE_MISSING": "The series states no frame of reference, so it could not be compared.",
    "SPLIT_SERIES": "The series holds several volumes (acquisitions, echoes or times); this is one of them.",
    "MONOCHROME1": "The images are to be shown inverted (MONOCHROME1); their values were taken as they are.",
    "LOSSY_COMPRESSION": "The images were compressed with loss, or do not say that they were not.",
    "BELOW_AIR": "Some values lie far below those of air; perhaps padding that is not stated.",
    "TILT_CORRECTED": "Gantry tilt was corrected by interpolation, as asked.",
    "RESAMPLED": "Uneven gaps between the slices were evened by interpolation, as asked.",
    "SINGLE_SLICE": "The series is a single slice; its thickness stands for the gap.",
    "SEGMENTATION_SERIES_UNSTATED": "The segmentation does not say on which series it was drawn; its position fits.",
    "LOCALIZER": "A localizer was left out of its series.",
    "OTHER_IMAGE": "An image of a kind that is not read was left out of its series.",
    "DERIVED_IMAGE": "A derived or secondary image was left out of an otherwise original series.",
}
_INFORMATION = {
    "NOT_AN_IMAGE": "A DICOM object without pixels to read was left out.",
    "DUPLICATE_FILE": "A second copy of the same file was left out.",
}

_TABLE: dict[str, tuple[Severity, str]] = {
    **{
        code: (Severity.ERROR, text)
        for errors in (_FILE_ERRORS, _SERIES_ERRORS, _STUDY_ERRORS, _SEGMENTATION_ERRORS, _FILE_OUT_ERRORS)
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
