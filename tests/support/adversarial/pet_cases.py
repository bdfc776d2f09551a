"""PET: standardized uptake values by rules that the cases state themselves, and what must not be guessed.

SUVbw = activity per ml × weight in g ÷ dose decayed to the time to which the activities refer (QIBA FDG-PET profile
1.13, appendix G; DICOM PS3.3 C.8.9.1).
"""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.adversarial.case import Case, Part, Truth, both, only, part, sets, truth
from support.adversarial.phantom import Edit, Field, Series

HALF_LIFE_S, WEIGHT_KG, DOSE_BQ = 6586.2, 70.0, 3.7e8
SUV = Field(offset=8.0, gain=0.01, unit="SUVbw")
HOUR_S = 3600.0


def factor(delay_s: float, weight_kg: float = WEIGHT_KG) -> float:
    """SUVbw of 1 Bq/ml when the dose has decayed for ``delay_s``."""
    return float(weight_kg * 1000 / (DOSE_BQ * 2 ** (-delay_s / HALF_LIFE_S)))


def header(units: str = "BQML", correction: str = "START") -> Edit:
    def edit(k: int, d: Dataset) -> None:
        dose = Dataset()
        dose.RadiopharmaceuticalStartTime, dose.RadionuclideTotalDose = "110000.00", str(DOSE_BQ)
        dose.RadionuclideHalfLife = str(HALF_LIFE_S)
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "C-111A1", "SRT", "^18^Fluorine"
        dose.RadionuclideCodeSequence = Sequence([code])
        d.RadiopharmaceuticalInformationSequence = Sequence([dose])
        d.Units, d.DecayCorrection, d.CorrectedImage = units, correction, ["NORM", "DTIM", "ATTN", "SCAT", "DECY"]
        d.SeriesType, d.CountsSource, d.PatientWeight = ["WHOLE BODY", "IMAGE"], "EMISSION", str(WEIGHT_KG)
        d.NumberOfSlices, d.ImageIndex, d.ActualFrameDuration, d.FrameReferenceTime = 10, k + 1, 180000, "0"
        d.SeriesTime = d.AcquisitionTime = "120000.00"

    return edit


def _dose(**attributes: object) -> Edit:
    return lambda k, d: sets(**attributes)(k, d.RadiopharmaceuticalInformationSequence[0])


def _pet(
    name: str,
    edit: Edit | None = None,
    *,
    delay_s: float = HOUR_S,
    units: str = "BQML",
    correction: str = "START",
    scale: float | None = None,
    codes: tuple[str, ...] = (),
    is_sound: bool = True,
    slopes: tuple[float, ...] = (2.0,),
) -> Case:
    """A PET whose stored unit, times ``scale``, is SUVbw."""
    per_unit = scale or factor(delay_s)
    stored = SUV.times(1 / per_unit, "Bq/ml" if units == "BQML" else units)
    series = Series(modality="PT", field=stored, slopes=slopes, intercepts=(0.0,))

    def files(folder: Path) -> Truth:
        series.write(folder, both(header(units, correction), *([edit] if edit else [])))
        whole = part(series)
        parts = (Part(whole.affine_lps, whole.shape, SUV),) if is_sound else ()
        fields = (SUV, stored) if is_sound else (stored,)
        return truth(*parts, fields=fields, slope=max(slopes) * (per_unit if is_sound else 1))

    return Case(name, "sound" if is_sound else "unsound", files, codes)


def _refused(name: str, code: str, edit: Edit | None = None, *, units: str = "BQML", correction: str = "START") -> Case:
    return _pet(name, edit, codes=(code,), is_sound=False, scale=factor(HOUR_S), units=units, correction=correction)


def _across_midnight(k: int, d: Dataset) -> None:
    """Injected 23:30, scanned 00:30: the dates say so only of the scan."""
    d.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime = "233000"
    d.SeriesTime = d.AcquisitionTime = "003000"


def _bed_times(k: int, d: Dataset) -> None:
    """Corrected to the start of the series, though the slices were taken later."""
    d.AcquisitionTime = f"12{3 * (k // 4):02}00"


def _philips(k: int, d: Dataset) -> None:
    d.Manufacturer = "Philips Medical Systems"
    d.add_new(0x70530010, "LO", "Philips PET Private Group")
    d.add_new(0x70531000, "DS", "0.0005")


def _philips_activity(k: int, d: Dataset) -> None:
    d.Manufacturer = "Philips Medical Systems"
    d.add_new(0x70530010, "LO", "Philips PET Private Group")
    d.add_new(0x70531009, "DS", "1.75")


SLOPES = tuple(1.71 + 0.03 * k for k in range(10))
CASES: tuple[Case, ...] = (
    _pet("PET in Bq/ml, decay to the start"),
    _pet("PET with slopes of each slice", slopes=SLOPES),
    _pet("PET whose bed positions have their own times", _bed_times),
    _pet("PET corrected to the injection", correction="ADMIN", delay_s=0.0),
    _pet("PET injected before midnight", _across_midnight),
    _pet(
        "PET with the date and time of injection",
        _dose(RadiopharmaceuticalStartDateTime="20260304103000", RadiopharmaceuticalStartTime=None),
        delay_s=1.5 * HOUR_S,
    ),
    _pet("PET in g/ml", units="GML", scale=1.0, slopes=(0.001,)),
    _pet("PET in g/ml, SUV by body weight", sets(SUVType="BW"), units="GML", scale=1.0, slopes=(0.001,)),
    _pet("PET in counts with Philips' SUV factor", _philips, units="CNTS", scale=0.0005),
    _pet("PET in counts with Philips' activity factor", _philips_activity, units="CNTS", scale=1.75 * factor(HOUR_S)),
    _refused("PET in g/ml of lean body mass", "SUV_TYPE_NOT_SUPPORTED", sets(SUVType="LBM"), units="GML"),
    _refused("PET in proportional counts", "SUV_UNITS_NOT_SUPPORTED", units="PROPCNT"),
    _refused("PET in counts", "SUV_COUNTS_NOT_SCALED", units="CNTS"),
    _refused("PET in no unit", "SUV_UNITS_NOT_SUPPORTED", sets(Units=None)),
    _refused("PET without weight", "SUV_WEIGHT_IMPLAUSIBLE", sets(PatientWeight=None)),
    _refused("PET of weight 0", "SUV_WEIGHT_IMPLAUSIBLE", sets(PatientWeight="0")),
    _refused("PET with another weight on one slice", "SUV_MIXED_IMAGES", only(4, sets(PatientWeight="71"))),
    _refused("PET without dose", "SUV_DOSE_IMPLAUSIBLE", _dose(RadionuclideTotalDose=None)),
    _refused(
        "PET without half-life and nuclide",
        "SUV_HALF_LIFE_IMPLAUSIBLE",
        _dose(RadionuclideHalfLife=None, RadionuclideCodeSequence=None),
    ),
    _refused("PET without injection time", "SUV_TIMES_UNSURE", _dose(RadiopharmaceuticalStartTime=None)),
    _refused(
        "PET injected at a time of another zone", "SUV_TIMES_UNSURE", _dose(RadiopharmaceuticalStartTime="190000")
    ),
    _refused(
        "PET without injection", "SUV_RADIOPHARMACEUTICAL_UNSURE", sets(RadiopharmaceuticalInformationSequence=None)
    ),
    _refused(
        "PET not corrected for decay", "SUV_NOT_CORRECTED", sets(CorrectedImage=["NORM", "ATTN"]), correction="NONE"
    ),
    _refused("PET not corrected for attenuation", "SUV_NOT_CORRECTED", sets(CorrectedImage=["NORM", "DECY"])),
)
