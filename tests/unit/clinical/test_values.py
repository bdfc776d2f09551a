"""Which value comes out of one observation: units, codes, statuses; and what is said where none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import LOINC, SNOMED, UCUM, bundle, concept, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.units.convert import known_units, read_unit
from tumorcast_core import catalog
from tumorcast_core.snapshot import Modality

ANALYTES = {"albumin": "1751-7", "lactate_dehydrogenase": "2532-0", "hemoglobin": "718-7", "neutrophil_count": "751-8"}


def read(*observations):
    """Features without those of the Patient, and the issue codes."""
    found = extract_features(bundle(*observations), "2026-03-28")
    return [f for f in found.features if f.name not in ("age", "sex")], [i.code for i in found.issues]


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "expected"),
    [
        ("hemoglobin", 12.5, "g/dL", 12.5),
        ("hemoglobin", 125, "g/L", 12.5),
        ("hemoglobin", 7.76, "mmol/L", 7.76 * 1.6114),
        ("hemoglobin", 12.5, "gm/dl", 12.5),
        ("hemoglobin", 12.5, "G/DL", 12.5),
        ("albumin", 3.8, "g/dl", 3.8),
        ("albumin", 38, "g/L", 3.8),
        ("albumin", 3800, "mg/dL", 3.8),
        ("albumin", 38, "mg/mL", 3.8),
        ("albumin", 572, "umol/L", 572e-6 * 66437 / 10),
        ("lactate_dehydrogenase", 260, "U/L", 260),
        ("lactate_dehydrogenase", 260, "IU/L", 260),
        ("lactate_dehydrogenase", 260, "[iU]/L", 260),
        ("lactate_dehydrogenase", 4.5, "ukat/L", 270),
        ("lactate_dehydrogenase", 4.5, "µkat/l", 270),
    ],
)
def test_a_unit_is_converted_to_the_catalogs(analyte, value, unit, expected):
    (feature,), issues = read(observation(loinc=ANALYTES[analyte], value=value, unit=unit))
    assert (feature.name, feature.unit) == (analyte, catalog.entry(analyte).unit)
    assert feature.value == pytest.approx(expected, rel=1e-12)
    assert issues == []


SPELLINGS_OF_10_9_PER_L = [
    *("10*9/L", "10^9/L", "x10^9/L", "x10*9/L", "10E9/L", "10e9/L", "x10E9/L", "X10E9/L", "10⁹/L", "×10⁹/L", "10**9/L"),
    *("G/L", "Giga/L", "giga/L", "10 * 9 / L", "10*9/l", "x10(9)/L", "10*9{cells}/L", "1e9/L", "/nL", "x 10^9/L"),
    *(
        "10*3/uL",
        "10*3/µL",
        "10*3/μL",
        "10*3/ul",
        "10^3/mcL",
        "x10E3/uL",
        "x10^3/mm3",
        "10³/µL",
        "K/uL",
        "k/uL",
        "K/mcL",
    ),
    *(
        "k/uL",
        "K/mcL",
        "K/mm3",
        "thou/uL",
        "Thousand/uL",
        "10*3/mm^3",
        "10E3/cumm",
        "10*3/cmm",
        "10*6/mL",
        "K/UL",
        "x10E3/µl",
    ),
]
SPELLINGS_OF_PER_UL = [
    "/uL",
    "/µL",
    "cells/uL",
    "{cells}/uL",
    "cells/mm3",
    "/mm3",
    "/cumm",
    "10*6/L",
    "10^6/L",
    "cells/mcL",
]


@given(
    thousandths=st.integers(10, 99_999),
    spelling=st.sampled_from(SPELLINGS_OF_10_9_PER_L),
    small=st.sampled_from(SPELLINGS_OF_PER_UL),
)
def test_the_spelling_of_a_unit_does_not_change_the_value(thousandths, spelling, small):
    def value(number, unit):
        (feature,), issues = read(observation(loinc="751-8", value=number, unit=unit))
        assert issues == []
        return feature.value

    assert value(thousandths / 1000, spelling) == value(thousandths, small) == thousandths / 1000


@pytest.mark.parametrize(
    "unit", ["K", "furlong", "G/L%", "10*9", "mg", "cells", "L", "/L/L", "{}", "x" * 100, "g/dL g/L"]
)
def test_a_unit_that_is_not_known_gives_no_value(unit):
    features, issues = read(observation(loinc="1751-7", value=3.8, unit=unit))
    assert features == []
    assert issues[0] in ("UNKNOWN_UNIT", "UNIT_MISMATCH")


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "code"),
    [
        ("751-8", 62, "%", "UNIT_MISMATCH"),
        ("718-7", 12, "10*9/L", "UNIT_MISMATCH"),
        ("2532-0", 12, "mmol/L", "UNIT_MISMATCH"),
        ("718-7", 12, "G/L", "UNIT_MISMATCH"),
        ("718-7", 125, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("718-7", 12.5, "g/L", "IMPLAUSIBLE_VALUE"),
        ("718-7", -12.5, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("1751-7", 1e300, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("731-0", 0, "10*9/L", "IMPLAUSIBLE_VALUE"),
        ("89247-1", 1.5, "{score}", "IMPLAUSIBLE_VALUE"),
        ("89247-1", 6, "{score}", "IMPLAUSIBLE_VALUE"),
        ("94076-7", 5, "%", "UNIT_MISMATCH"),
    ],
)
def test_a_wrong_or_implausible_quantity_never_appears_as_a_value(loinc, value, unit, code):
    features, issues = read(observation(loinc=loinc, value=value, unit=unit))
    assert (features, issues) == ([], [code])


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ({"value": 38, "unit": "gram per liter", "system": UCUM, "code": "g/L"}, 3.8),
        ({"value": 38, "unit": "g/L", "system": UCUM, "code": "g/L"}, 3.8),
        ({"value": 38, "unit": "g/L", "system": "http://local", "code": "GRL"}, 3.8),
        ({"value": 38, "system": UCUM, "code": "g/L"}, 3.8),
        ({"value": 38, "unit": "g/dL", "system": UCUM, "code": "g/L"}, "CONFLICTING_UNITS"),
        ({"value": 3.8}, "UNKNOWN_UNIT"),
        ({"unit": "g/dL"}, "NO_VALUE"),
        ({"value": "3.8", "unit": "g/dL"}, "INVALID_RESOURCE"),
        ({"value": 3.8, "unit": "g/dL", "comparator": "~"}, "INVALID_CODE"),
    ],
)
def test_a_quantity_is_read_by_its_code_then_by_its_wording(quantity, expected):
    features, issues = read(observation(loinc="1751-7", valueQuantity=quantity))
    assert ([f.value for f in features] or issues) == [expected]


@pytest.mark.parametrize("comparator", ["<", "<=", ">=", ">"])
def test_a_bound_carries_its_comparator(comparator):
    (feature,), _ = read(observation(valueQuantity={"value": 8, "unit": "g/dL", "comparator": comparator}))
    assert (feature.value, feature.comparator) == (8.0, comparator)


@pytest.mark.parametrize(
    ("status", "expected", "issues"),
    [
        ("final", [""], []),
        ("amended", ["amended"], []),
        ("corrected", ["corrected"], []),
        ("preliminary", ["preliminary"], ["NOT_FINAL"]),
        ("unknown", ["unknown"], ["NOT_FINAL"]),
        ("entered-in-error", [], ["ENTERED_IN_ERROR"]),
        ("cancelled", [], ["CANCELLED"]),
        ("foo", [], ["INVALID_CODE"]),
        (None, [], ["INVALID_RESOURCE"]),
    ],
)
def test_a_status_decides_whether_a_result_counts(status, expected, issues):
    features, told = read(observation(status=status))
    assert ([f.status for f in features], told) == (expected, issues)


@pytest.mark.parametrize(
    ("code", "issue"),
    [
        (concept(LOINC, "9999-9"), "UNMAPPED_CODE"),
        (concept("", "718-7"), "CODE_SYSTEM_MISSING"),
        (concept("http://hospital.example/codes", "718-7"), "CODE_SYSTEM_UNKNOWN"),
        (concept("", "", text="Hemoglobin"), "NO_CODE"),
        (concept(SNOMED, "118586006"), "UNMAPPED_CODE"),  # "ratio" of anything
        (concept(SNOMED, "118565006"), "UNMAPPED_CODE"),  # "volume" of anything
        (concept(LOINC, "30525-0"), "UNMAPPED_CODE"),  # an age of that day is not the age at the index date
        ({"coding": [{"system": LOINC, "code": "718-7"}, {"system": LOINC, "code": "1751-7"}]}, "CONFLICTING_CODES"),
    ],
)
def test_a_code_that_names_no_analyte_gives_an_issue(code, issue):
    assert read(observation(code=code)) == ([], [issue])


@pytest.mark.parametrize("system", [LOINC, "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1"])
def test_a_code_system_is_known_by_its_other_names(system):
    (feature,), _ = read(observation(code=concept(system, "718-7")))
    assert (feature.coding.system, feature.coding.code) == (LOINC, "718-7")


def test_a_local_code_beside_a_known_one_does_no_harm():
    codings = [{"system": "http://hospital.example", "code": "HGB"}, {"system": LOINC, "code": "718-7"}]
    assert read(observation(code={"coding": codings}))[0][0].value == 12.5


@pytest.mark.parametrize(
    "value",
    [
        {"valueString": "12.5 g/dL"},
        {"valueInteger": 12},
        {"valueBoolean": True},
        {"valueCodeableConcept": concept("", "", text="normal")},
    ],
)
def test_a_lab_in_another_form_than_a_quantity_is_not_read(value):
    features, issues = read(observation(**value))
    assert features == []
    assert issues in (["VALUE_TYPE"], ["UNKNOWN_UNIT"])


def test_an_absent_result_gives_an_issue_and_no_value():
    absent = observation(valueQuantity=None, dataAbsentReason=concept("", "", text="hemolyzed"))
    assert read(absent) == ([], ["NO_VALUE"])
    assert read(observation(valueQuantity=None)) == ([], ["NO_VALUE"])


AJCC_II, AJCC_IIIB, AJCC_IV = "1222765007", "1222805004", "1222837003"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (concept(SNOMED, AJCC_II), "II"),
        (concept(SNOMED, AJCC_IIIB), "III"),
        (concept(SNOMED, AJCC_IV), "IV"),
        (concept(SNOMED, "258228008", "Stage 4"), "IV"),
        (concept("http://cancerstaging.org", "3C"), "III"),
        (concept("http://cancerstaging.org", "4", "IV"), "IV"),
        (concept("http://ncimeta.nci.nih.gov", "C27970"), "III"),
        (concept("", "", text="Stage IIIB"), "III"),
        (concept("", "", text="stage ii a"), "II"),
        (concept("", "", text="AJCC stage IV"), "IV"),
        (concept("http://local", "x", "American Joint Committee on Cancer stage IB (qualifier value)"), "I"),
        (concept(SNOMED, "1228923003", "ypT4a"), "UNKNOWN_VALUE"),
        (concept("", "", text="Stage II-III"), "UNKNOWN_VALUE"),
        (concept("", "", text="Stage 0"), "UNKNOWN_VALUE"),
        (concept("", "", text="not stage IV"), "UNKNOWN_VALUE"),
        (concept("", "", text="unknown"), "UNKNOWN_VALUE"),
        (concept("http://local", "4"), "UNKNOWN_VALUE"),
        (concept(SNOMED, "1222605001", "stage 0"), "UNKNOWN_VALUE"),
    ],
)
def test_a_stage_group_is_read_from_codes_and_words(answer, expected):
    features, issues = read(observation(loinc="21908-9", valueCodeableConcept=answer))
    assert ([f.value for f in features if f.name == "stage_group"] or issues) == [expected]


def test_a_stage_that_only_words_state_is_marked():
    assert read(observation(loinc="21908-9", valueCodeableConcept=concept("", "", text="Stage IV")))[1] == [
        "READ_FROM_TEXT"
    ]
    assert read(observation(loinc="21908-9", valueCodeableConcept=concept(SNOMED, AJCC_IV)))[1] == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueInteger": 1}, 1),
        ({"valueInteger": 0}, 0),
        ({"valueInteger": 7}, "IMPLAUSIBLE_VALUE"),
        ({"valueQuantity": {"value": 2, "unit": "{score}"}}, 2),
        ({"valueQuantity": {"value": 2}}, 2),
        ({"valueCodeableConcept": concept(LOINC, "LA9622-7")}, 0),
        ({"valueCodeableConcept": concept(LOINC, "LA9625-0")}, 3),
        ({"valueCodeableConcept": concept(SNOMED, "422512005")}, 1),
        ({"valueCodeableConcept": concept("", "", text="ECOG 2")}, 2),
        ({"valueCodeableConcept": concept(LOINC, "LA9622-7", "ECOG 3")}, "CONFLICTING_CODES"),
        ({"valueCodeableConcept": concept(LOINC, "LA9622-7", "ECOG 0")}, 0),
        ({"valueQuantity": {"value": 100, "unit": "%"}}, "UNIT_MISMATCH"),
        ({"valueCodeableConcept": concept("", "", text="good")}, "UNKNOWN_VALUE"),
        ({"valueString": "1"}, 1),
        ({"valueString": "good"}, "UNKNOWN_VALUE"),
    ],
)
def test_ecog_is_read_in_each_of_its_forms(value, expected):
    features, issues = read(observation(loinc="89247-1", **value))
    assert ([f.value for f in features] or issues) == [expected]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (concept(LOINC, "LA9633-4", "Present"), "present"),
        (concept(LOINC, "LA9634-2", "Absent"), "absent"),
        (concept(SNOMED, "260385009", "Negative"), "absent"),
        (concept(SNOMED, "260373001"), "present"),
        (concept("", "", text="Wild type"), "absent"),
        (concept("", "", text="not Detected"), "absent"),
        (concept(LOINC, "LA4489-6", "Unknown"), "UNKNOWN_VALUE"),
        (
            {"coding": [{"system": LOINC, "code": "LA9633-4"}, {"system": SNOMED, "code": "260385009"}]},
            "CONFLICTING_CODES",
        ),
    ],
)
def test_kras_is_read_from_codes_and_words(answer, expected):
    features, issues = read(observation(loinc="21702-6", valueCodeableConcept=answer))
    assert ([f.value for f in features] or issues) == [expected]


@pytest.mark.parametrize("unit", ["1/1000000{Nucleotide}", "{mutations}/Mb", "mut/Mb", "mutations/Mb"])
def test_tumor_mutational_burden_is_read(unit):
    (feature,), _ = read(observation(loinc="94076-7", value=6.2, unit=unit))
    assert (feature.name, feature.value, feature.unit) == ("tumor_mutational_burden", 6.2, "1/1000000{Nucleotide}")


def test_every_number_that_is_read_has_a_canonical_unit_in_the_table():
    for entry in catalog.catalog().values():
        if (
            entry.observed
            and not entry.categories
            and entry.modality
            in (
                Modality.LABS,
                Modality.GENOMICS,
                Modality.CLINICAL,
                Modality.THERAPY,
            )
        ):
            assert read_unit(entry.unit) == known_units()[entry.unit]


def test_a_million_in_one_language_and_a_thousand_in_another_is_no_unit():
    assert read(observation(loinc="731-0", value=0.4, unit="mil/uL")) == ([], ["UNKNOWN_UNIT"])


def test_a_final_result_stands_after_a_preliminary_one_of_the_same_time():
    features, issues = read(observation("z", status="preliminary", value=9), observation("a", value=12))
    assert [(f.value, f.status) for f in features] == [(9.0, "preliminary"), (12.0, "")]
    assert issues == ["NOT_FINAL"]


def test_results_of_one_time_that_differ_are_pointed_out():
    assert read(observation("a", value=9), observation("b", value=12))[1] == ["SEVERAL_VALUES", "SEVERAL_VALUES"]
    assert read(observation("a", value=9), observation("b", value=9))[1] == ["REPEATED_RESULT"]


@pytest.mark.parametrize(
    ("loinc", "answer"),
    [
        ("21908-9", concept(SNOMED, "258228008", "Stage 4", "Stage II")),
        ("21702-6", concept(LOINC, "LA9633-4", "Present", "wild type")),
    ],
)
def test_an_answer_whose_wording_contradicts_its_code_is_refused(loinc, answer):
    assert read(observation(loinc=loinc, valueCodeableConcept=answer)) == ([], ["CONFLICTING_CODES"])
