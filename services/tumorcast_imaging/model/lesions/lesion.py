"""One lesion in one series: everything that is measured of it, and its names in the catalog.

Names begin with the DICOM modality (``pet_suv_max``, ``ct_tumor_volume``, ``mr_shape_sphericity``). On CT and MR the
RECIST measures stand under their plain names as well (``tumor_longest_diameter``, ``tumor_short_axis``,
``tumor_volume``): these are what the anatomical series says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tumorcast_core.snapshot import Feature, Issue, MeasuredLesion
from tumorcast_imaging.dicom import reasons
from tumorcast_imaging.model.lesions import size as sizes
from tumorcast_imaging.model.lesions.size import Size
from tumorcast_imaging.model.lesions.uptake import Uptake, measure_uptake

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Region, Volume

PREFIXES = {"PT": "pet", "CT": "ct", "MR": "mr"}
"""How the names of a DICOM modality's measures begin."""
_ANATOMICAL = ("CT", "MR")
_SCT = "http://snomed.info/sct"
_NO_LESIONS = {
    *((_SCT, code) for code in ("85756007", "91723000", "123037004", "91720002", "260787004", "105590001")),
    *(("SRT", code) for code in ("T-D0050", "T-D000A", "T-D0080", "A-00004")),
}
"""Segmented property categories (DICOM CID 7150): tissue, anatomical structure, body substance, object, substance."""
_LESIONS = {
    (_SCT, code) for code in ("52988006", "4147007", "108369006", "372087000", "14799000", "27925004", "86049000")
}
"""Property types (CID 7159) that a careless category does not undo: lesion, mass, neoplasm, nodule."""
_PLANNED = frozenset(("PTV", "CTV", "TREATED_VOLUME", "IRRAD_VOLUME", "DOSE_REGION", "ISOCENTER", "CONTROL"))
_TISSUE = frozenset(("ORGAN", "OAR", "EXTERNAL", "AVOIDANCE", "CAVITY", "CONTRAST_AGENT"))
_THINGS = frozenset(("BOLUS", "MARKER", "REGISTRATION", "SUPPORT", "FIXATION", "DEVICE", "DOSE_MEASUREMENT"))
_BRACHYTHERAPY = frozenset(("BRACHY_CHANNEL", "BRACHY_ACCESSORY", "BRACHY_SRC_APP", "BRACHY_CHNL_SHLD"))
_NOT_INTERPRETED_AS_LESION = _PLANNED | _TISSUE | _THINGS | _BRACHYTHERAPY
"""Interpreted types of an ROI (PS3.3 C.8.8.8.1): margins around a tumor, organs, devices; GTV is the only lesion."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """What was measured of one region on one volume; ``uptake`` is there on PET only, ``radiomics`` where asked for."""

    region: Region
    series_instance_uid: str
    dicom_modality: str
    unit: str
    date: str = field(repr=False)
    frame_of_reference_uid: str
    size: Size
    uptake: Uptake | None = None
    radiomics: Mapping[str, float] | None = field(default=None, repr=False)


def measure_lesion(volume: Volume, region: Region, *, radiomics: bool = True) -> Lesion:
    """Measure one region on the volume whose voxels it lies on.

    Raises ``UnsoundSegmentation`` if it marks no voxel, ``InvalidInput`` if a PET is not finite within it.
    """
    return Lesion(
        region=region,
        series_instance_uid=volume.series_instance_uid,
        dicom_modality=volume.dicom_modality,
        unit=volume.unit,
        date=volume.date,
        frame_of_reference_uid=volume.frame_of_reference_uid,
        size=sizes.measure(region.mask, volume.affine_lps),
        uptake=measure_uptake(volume, region.mask) if volume.unit == "SUVbw" else None,
        radiomics=_radiomics(volume, region) if radiomics else None,
    )


def is_lesion(region: Region) -> bool:
    """Whether a region may be a lesion; not if codes or type say organ, healthy tissue, device or planned volume.

    Without codes, and where tissue is all that they say (as some editors write by default), it may be. An ROI of type
    ORGAN, another default of editors, may be one if it is named as a GTV (AAPM TG-263, Mayo 2018, IJROBP 100:1057).
    """
    category, kind = region.category, region.type
    if region.interpreted_type in _NOT_INTERPRETED_AS_LESION:
        named = region.label.strip().upper().startswith(("GTV", "IGTV"))
        coded = kind is not None and (kind.system, kind.code) in _LESIONS
        return region.interpreted_type == "ORGAN" and (named or coded)
    if category is None or (category.system, category.code) not in _NO_LESIONS:
        return True
    return kind is None or kind == category or (kind.system, kind.code) in _LESIONS


def features(lesion: Lesion, timepoint: str = "") -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """All catalogued measures of one lesion at the timepoint of that role, and what a reader should know of them.

    A measure outside the catalog's range is left out and becomes an issue.
    """
    made, issues = sizes.catalogued(
        values(lesion),
        source=lesion.region.source,
        effective=lesion.date,
        timepoint=timepoint,
        sources=(lesion.series_instance_uid,),
    )
    return made, (*issues, *doubts(lesion))


def measured(lesion: Lesion, timepoint: str = "") -> MeasuredLesion:
    """The lesion as it goes into an extraction."""
    from tumorcast_imaging.model.change.organ import is_node, organ_of

    return MeasuredLesion(
        tracking_uid=lesion.region.tracking_uid,
        label=lesion.region.label,
        series_instance_uid=lesion.series_instance_uid,
        dicom_modality=lesion.dicom_modality,
        source=lesion.region.source,
        date=lesion.date,
        measurements=features(lesion, timepoint)[0],
        timepoint=timepoint,
        site=lesion.region.site,
        organ=organ_of(lesion.region),
        lymph_node=is_node(lesion.region),
    )


def values(lesion: Lesion) -> dict[str, float]:
    """Every measure by its name in the catalog."""
    size = {
        "tumor_longest_diameter": lesion.size.longest_diameter_mm,
        "tumor_short_axis": lesion.size.short_axis_mm,
        "tumor_volume": lesion.size.volume_ml,
        "tumor_maximum_3d_diameter": lesion.size.maximum_3d_diameter_mm,
    }
    prefix = PREFIXES[lesion.dicom_modality]
    plain = size if lesion.dicom_modality in _ANATOMICAL else {}
    special = size | _uptake(lesion.uptake) | dict(lesion.radiomics or {})
    return plain | {f"{prefix}_{stem}": value for stem, value in special.items()}


def doubts(lesion: Lesion) -> tuple[Issue, ...]:
    """What is doubtful about the measures of a lesion, each located at its series."""
    codes = []
    if lesion.size.parts > 1:
        codes.append("LESION_IN_PARTS")
    if lesion.uptake and lesion.uptake.suv_peak > lesion.uptake.suv_max:
        codes.append("PEAK_BESIDE_LESION")
    if lesion.radiomics is not None and not lesion.radiomics:
        codes.append("RADIOMICS_NOT_COMPUTED")
    return tuple(reasons.issue(code, lesion.series_instance_uid) for code in codes)


def _uptake(uptake: Uptake | None) -> dict[str, float]:
    if uptake is None:
        return {}
    return {
        "suv_max": uptake.suv_max,
        "suv_mean": uptake.suv_mean,
        "suv_peak": uptake.suv_peak,
        "mtv": uptake.mtv_ml,
        "tlg": uptake.tlg_g,
        "mtv_41": uptake.mtv_41_ml,
        "suv_mean_41": uptake.suv_mean_41,
        "tlg_41": uptake.tlg_41_g,
    }


def _radiomics(volume: Volume, region: Region) -> Mapping[str, float]:
    from tumorcast_imaging.model.lesions.radiomics import radiomics

    found: Mapping[str, float] = radiomics(volume, region)
    return found
