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
    "AMBIGUOUS_SEGMENTATION": "Several segmentations mark the same place; say which one by its SOP instance UID.",
    "SEVERAL_SERIES_DRAWN": "Lesions are drawn on several series of one DICOM modality; models read none of them.",
    "SEGMENTATION_SERIES_AMBIGUOUS": "The segmentation fits several series and does not say which one is meant.",
    "MALFORMED_SEGMENTATION": "The segmentation cannot be read.",
    "UNSUPPORTED_SEGMENTATION_TYPE": "Segmentations other than binary, fractional and label map are not read.",
    "SEGMENTATION_TOO_LARGE": "The segmentation has more regions, contours, points or voxels than the limit.",
    "SEGMENTATION_OF_ANOTHER_PATIENT": "The segmentation belongs to another patient or study.",
    "SEGMENTATION_OF_ANOTHER_SERIES": "The segmentation was drawn on another series.",
    "SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS": "Segmentation and series have different frames of reference.",
    "SEGMENTATION_GRID_DIFFERS": "The segmentation does not lie on the pixels of its series.",
    "SEGMENTATION_FRAMES_IRREGULAR": "The frames of the segmentation form no regular grid.",
    "SEGMENTATION_OUTSIDE_VOLUME": "Part of a region lies outside the volume.",
    "EMPTY_SEGMENTATION": "The segmentation marks no voxel.",
    # one region of several; the others stand
    "ROI_FRAME_OF_REFERENCE_DIFFERS": "A region of interest and the series have different frames of reference.",
    "ROI_NOT_CLOSED": "A region of interest consists of points or open lines, which enclose nothing.",
    "CONTOUR_MALFORMED": "A contour has coordinates that are missing, no numbers or no places in a patient.",
    "CONTOUR_NOT_PLANAR": "The points of a contour do not lie in one plane.",
    "CONTOUR_NOT_IN_SLICES": "A contour is not parallel to the slices of its series.",
    "REGION_BELOW_RESOLUTION": "A region is so small or thin that it holds the center of no voxel.",
}
_FILE_OUT_ERRORS = {
    "NIFTI_LIMITS": "The volume is too long, or lies too far off, for a NIfTI-1 file.",
    "FILE_EXISTS": "Another file of that name is in the output folder; it was left as it is.",
}
_OBJECT_OUT_ERRORS = {  # what is written back: SEG and SR
    "OBJECT_OF_REPAIRED_VOLUME": "The volume was straightened or resampled, so its voxels are not those of the images.",
    "OBJECT_TOO_LARGE": "The segmentation would be larger than the limit.",
    "OBJECT_SEGMENTS_OVERLAP": "Lesions overlap, which a label map cannot hold; write them as BINARY or FRACTIONAL.",
    "OBJECT_WITHOUT_REGIONS": "There is no region to write.",
    "OBJECT_NOT_MADE": "The images lack what the object must state, or state what no object can hold.",
}
_CLICK_ERRORS = {
    "SEED_OUTSIDE_VOLUME": "The seed lies outside the volume.",
    "SEED_IN_AIR": "The seed lies in air or where nothing was taken up.",
    "NOTHING_AT_SEED": "No lesion was found at the seed or within 10 mm of it.",
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
    "SEGMENTATION_RESAMPLED": "The segmentation was drawn on another grid and was resampled onto the series.",
    "SEGMENTATION_PROBABILITY": "The segmentation gives probabilities; voxels of at least one half were taken.",
    "SEVERAL_SEGMENTATIONS": "Several segmentations mark different places of the series; all were taken.",
    "EMPTY_REGION": "A region of the segmentation marks nothing.",
    "CONTOUR_OFF_GRID": "Contours lie between slices; the slices were interpolated from them.",
    "CONTOUR_SLICES_FILLED": "Contours were drawn on every few slices; the slices between them were interpolated.",
    "CONTOUR_GAP": "Slices without a contour lie inside a region; they were left empty.",
    "CONTOUR_CROSSES": "Contours cross themselves or one another; what they enclose twice was taken as outside.",
    "CONTOUR_DUPLICATE": "A contour was drawn twice; it was taken once.",
    "CONTOUR_TOO_SHORT": "A contour of fewer than three points, which encloses nothing, was left out.",
    "CONTOUR_NOT_CLOSED": "Points or open lines beside closed contours were left out.",
    "LOCALIZER": "A localizer was left out of its series.",
    "OTHER_IMAGE": "An image of a kind that is not read was left out of its series.",
    "DERIVED_IMAGE": "A derived or secondary image was left out of an otherwise original series.",
    "LESION_WIDER_THAN_VIEW": "The lesion is wider than 40 cm and was cut there.",
}
_MEASURE_WARNINGS = {
    "LESION_IN_PARTS": "The lesion is in several parts; its diameters are those of the longest part.",
    "RADIOMICS_NOT_COMPUTED": "The region is larger than radiomics are computed for, so it has none.",
    "PEAK_BESIDE_LESION": "SUVpeak exceeds SUVmax: the sphere reaches into hotter tissue beside the lesion.",
}
_INFORMATION = {
    "NOT_A_LESION": "A region is coded as an organ, a device or a planned volume; it was not measured as a lesion.",
    "SEVERAL_LESIONS": "The series holds several lesions; what models read is measured on the largest of them.",
    "NOT_AN_IMAGE": "A DICOM object without pixels to read was left out.",
    "DUPLICATE_FILE": "A second copy of the same file was left out.",
}
_QUALITY_WARNINGS = {
    "BODY_TRUNCATED": "The body is cut at the sides of the field of view.",
    "GHOSTING": "The air beside the body differs along rows and columns, as ghosts of motion make it.",
    "SLICE_INTENSITY_JUMP": "Neighboring slices differ in brightness, as motion or interleaved acquisition make it.",
    "SATURATED": "Several neighboring voxels lie at the greatest value; what was above it may be cut off.",
    "NO_TISSUE": "No tissue was found in the volume.",
    "MR_WEIGHTING_CONTRADICTED": "The named MR weighting contradicts the repetition and echo times.",
    "LESION_AT_EDGE": "The lesion touches the edge of the volume and may go on outside.",
    "LESION_SMALL_FOR_SLICES": "The lesion is shorter than 10 mm or than two slices, so not measurable by RECIST 1.1.",
    "LESION_SATURATED": "The lesion reaches the greatest value of the volume, which may be cut off.",
}
_QUALITY_INFORMATION = {
    "SLICES_APART": "The slices are thinner than the distance between them; tissue between them is not shown.",
    "NOISE_UNKNOWN": "There is too little homogeneous tissue to measure noise in.",
}

_TABLE: dict[str, tuple[Severity, str]] = {
    **{
        code: (Severity.ERROR, text)
        for errors in (
            _FILE_ERRORS,
            _SERIES_ERRORS,
            _STUDY_ERRORS,
            _SEGMENTATION_ERRORS,
            _FILE_OUT_ERRORS,
            _OBJECT_OUT_ERRORS,
            _CLICK_ERRORS,
        )
        for code, text in errors.items()
    },
    **{code: (Severity.WARNING, text) for code, text in (_WARNINGS | _MEASURE_WARNINGS).items()},
    **{code: (Severity.INFORMATION, text) for code, text in _INFORMATION.items()},
    **{code: (Severity.WARNING, text) for code, text in _QUALITY_WARNINGS.items()},
    **{code: (Severity.INFORMATION, text) for code, text in _QUALITY_INFORMATION.items()},
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
