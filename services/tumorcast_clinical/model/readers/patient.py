"""Patient: sex, age at the index date and death."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate, read_date
from tumorcast_core.errors import ImplausibleValue
from tumorcast_core.snapshot import Feature

_AGE = "completed years from Patient.birthDate to the index date"
_ROUGH_AGE = "years from the middle of Patient.birthDate, which names no day, to the index date"
_BIRTH_SEX = "US Core birth sex, since Patient.gender is missing"
# US Core 3 to 5 (HL7 administrative gender) and US Core 6 on (SNOMED CT)
_SEX_EXTENSIONS = frozenset(
    f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}" for name in ("birthsex", "sex")
)
_SEXES = {"F": "female", "M": "male", "248152002": "female", "248153007": "male"}


def read_patient(entry: Entry, today: PartialDate | None, context: Context) -> list[Reading]:
    """Read sex, death, and age at ``today`` (the index date or else the latest day of the record)."""
    features = [*_sex(entry, context.report), *_age(entry, today, context.report)]
    readings = [Reading(feature, entry, "", None) for feature in features]
    return readings + _death(entry, context)


def _sex(entry: Entry, report: Report) -> list[Feature]:
    gender = text(entry.resource, "gender")
    if gender in ("female", "male"):
        return [catalog_entry("sex").make(gender, source=entry.source)]
    at_birth = {_SEXES.get(text(e, "valueCode"), "") for e in items(entry.resource, "extension") if _states_sex(e)}
    if not gender and at_birth in ({"female"}, {"male"}):
        message = "states no gender; sex is read from the US Core extension for birth sex."
        report.warn(entry, "SEX_FROM_EXTENSION", message, "extension")
        return [catalog_entry("sex").make(at_birth.pop(), sources=(entry.source,), formula=_BIRTH_SEX)]
    if gender:
        report.inform(entry, "UNKNOWN_VALUE", "states a gender that the feature sex has no category for.", "gender")
    return []


def _states_sex(extension: Json) -> bool:
    return text(extension, "url") in _SEX_EXTENSIONS


def _death(entry: Entry, context: Context) -> list[Reading]:
    """Whether the patient is said to have died by the index date; a later death is not known on it."""
    written = text(entry.resource, "deceasedDateTime")
    died = entry.resource.get("deceasedBoolean")
    if not written and not isinstance(died, bool):
        return []
    path = "deceasedDateTime" if written else "deceasedBoolean"
    if not written and not died:
        return [Reading(catalog_entry("death").make("absent", source=entry.source), entry, "", None)]
    when = read_date(written)
    if not context.landmark.admits(entry, when, context.report, path):
        return []
    feature = catalog_entry("death").make("present", effective=when.text if when else "", source=entry.source)
    return [Reading(feature, entry, "", when)]


def _age(entry: Entry, today: PartialDate | None, report: Report) -> list[Feature]:
    born = read_date(text(entry.resource, "birthDate"))
    if born is None or today is None:
        missing = "birth date" if born is None else "index date"
        report.inform(entry, "AGE_UNKNOWN", f"gives no age, since there is no {missing}.", "birthDate")
        return []
    day = today.first
    middle = born.first + (born.last - born.first) / 2
    years = day.year - middle.year - ((day.month, day.day) < (middle.month, middle.day))
    formula = _AGE if born.is_day else _ROUGH_AGE
    try:
        age = catalog_entry("age").make(years, effective=today.text[:10], sources=(entry.source,), formula=formula)
    except ImplausibleValue:
        report.error(entry, "IMPLAUSIBLE_VALUE", "has a birth date that gives no plausible age.", "birthDate")
        return []
    if not born.is_day:
        report.warn(entry, "PARTIAL_DATE", "has a partial birth date; the age may be off by a year.", "birthDate")
    return [age]
