"""What is measured of a lesion, in the codes of DICOM and IBSI, with units of UCUM.

PS3.16: CID 7469 (size and intensity), CID 7466 (PET), CID 7464 (maximum, mean, peak), CID 7477 (IBSI), CID 7181
(units); all but the gram as in pydicom's dictionary of the standard.
"""

from __future__ import annotations

from dataclasses import dataclass

from highdicom.sr import AlgorithmIdentification, Measurement
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from tumorcast_imaging.model.lesions.lesion import Lesion
from tumorcast_imaging.model.lesions.uptake import MTV_SHARE, Uptake
from tumorcast_imaging.model.objects.equipment import NAME, VERSION

MILLIMETER: Code = codes.UCUM.Millimeter
_MILLILITER = Code("ml", "UCUM", "milliliter")
_GRAM = Code("g", "UCUM", "gram")
_SUV: Code = codes.UCUM.StandardizedUptakeValueBodyWeight
_ONE: Code = codes.UCUM.NoUnits

_WHOLE = "of all voxels of the segment"
_HOT = f"of the voxels of at least {MTV_SHARE:.0%} of SUVmax in the segment"
_SPHERE = "highest mean over a sphere of 1 ml around a voxel of the segment"
_RESAMPLED = "IBSI radiomics, on resampled voxels"
_INTENSITY = {
    "CT": (codes.DCM.AttenuationCoefficient, codes.UCUM.HounsfieldUnit),
    "MR": (codes.DCM.MRSignalIntensity, codes.UCUM.ArbitraryUnit),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a lesion: what it is, in which unit, how it was derived and of what."""

    concept: Code
    value: float
    unit: Code
    derivation: Code | None = None
    parameters: str = ""

    def content(self) -> Measurement:
        """As content of a report (TID 300)."""
        return Measurement(
            name=self.concept,
            value=float(self.value),
            unit=self.unit,
            derivation=self.derivation,
            algorithm_id=algorithm(self.parameters) if self.parameters else None,
        )


def algorithm(parameters: str = "") -> AlgorithmIdentification:
    """What measured, as an algorithm: this software (TID 4019)."""
    return AlgorithmIdentification(f"{NAME} lesion measures", VERSION, [parameters] if parameters else None)


def measures_of(lesion: Lesion) -> list[Measure]:
    """Every measure of the whole lesion that has a code; diameters in a plane are told with their end points."""
    size = [
        Measure(codes.SCT.Volume, lesion.size.volume_ml, _MILLILITER),
        Measure(codes.IBSI.Maximum3DDiameterOfAMesh, lesion.size.maximum_3d_diameter_mm, MILLIMETER),
    ]
    return [*size, *(_uptake(lesion.uptake) if lesion.uptake else ()), *_radiomics(lesion)]


def _uptake(uptake: Uptake) -> list[Measure]:
    suv: Code = codes.DCM.Suvbw
    maximum, mean, peak = codes.SCT.Maximum, codes.SCT.Mean, codes.DCM.PeakValueWithinROI
    volume, glycolysis = codes.DCM.MetabolicVolume, codes.DCM.TotalLesionGlycolysis
    return [
        Measure(suv, uptake.suv_max, _SUV, maximum),
        Measure(suv, uptake.suv_mean, _SUV, mean, _WHOLE),
        Measure(suv, uptake.suv_peak, _SUV, peak, _SPHERE),
        Measure(volume, uptake.mtv_ml, _MILLILITER, None, _WHOLE),
        Measure(glycolysis, uptake.tlg_g, _GRAM, None, _WHOLE),
        Measure(suv, uptake.suv_mean_41, _SUV, mean, _HOT),
        Measure(volume, uptake.mtv_41_ml, _MILLILITER, None, _HOT),
        Measure(glycolysis, uptake.tlg_41_g, _GRAM, None, _HOT),
    ]


def _radiomics(lesion: Lesion) -> list[Measure]:
    """The few radiomics that mean something without knowing how gray levels were binned."""
    radiomics = lesion.radiomics or {}
    coded: dict[str, tuple[Code, Code, Code | None]] = {
        "shape_mesh_volume": (codes.IBSI.VolumeOfMesh, codes.UCUM.CubicMillimeter, None),
        "shape_surface_area": (codes.IBSI.SurfaceAreaOfMesh, codes.UCUM.SquareMillimeter, None),
        "shape_sphericity": (codes.IBSI.Sphericity, _ONE, None),
    }
    if lesion.dicom_modality in _INTENSITY:
        concept, unit = _INTENSITY[lesion.dicom_modality]
        coded |= {
            "intensity_mean": (concept, unit, codes.SCT.Mean),
            "intensity_median": (concept, unit, codes.SCT.Median),
            "intensity_minimum": (concept, unit, codes.SCT.Minimum),
            "intensity_maximum": (concept, unit, codes.SCT.Maximum),
        }
    return [
        Measure(concept, radiomics[name], unit, derivation, _RESAMPLED)
        for name, (concept, unit, derivation) in coded.items()
        if name in radiomics
    ]
