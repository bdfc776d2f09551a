"""Units as laboratories spell them: what each means, what it converts to, and what is refused."""

from decimal import Decimal
from fractions import Fraction
from importlib.resources import files

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.units import convert as convert_module
from tumorcast_clinical.model.units import spelling
from tumorcast_clinical.model.units.convert import agree, convert, factors_to
from tumorcast_clinical.model.units.spelling import known_units, read_unit, ucum_units
from tumorcast_clinical.model.units.table import other_units
from tumorcast_clinical.model.units.ucum import measure
from tumorcast_core.catalog import catalog, entry
from tumorcast_core.snapshot import Modality

NUMERIC = [e for e in catalog().values() if e.observed and not e.categories and e.modality != Modality.NOTES]
LABS = [e for e in NUMERIC if e.modality == Modality.LABS]


def value(number, unit, name):
    """What is read: a number, or the code of the refusal."""
    found = convert(number if isinstance(number, (int, Fraction)) else Decimal(str(number)), unit, entry(name))
    return found.code if isinstance(found, Refusal) else found


SPELLINGS = {
    "mg/dL": "mg/dl|MG/DL|Mg/dL|ＭＧ／ＤＬ|mg / dL|mg%|mg %|mg/100ml|mg/100 mL|mg/(100.mL)|mgs/dL|"
    "milligram per deciliter|mg per dL|mg.dL-1|mg·dL⁻¹|mg\u200b/dL",
    "g/dL": "gr/dl|gm/dL|G/DL|g %|gm%|g/100 mL|grams/dL",
    "g/L": "g/l|gm/L|mg/mL|g.L-1|kg/m3|gram per liter|g∕L",
    "mg/L": "mcg/mL|µg/mL|μg/mL|ug/mL|MG/L|mg/l|MCG/ML",
    "ug/L": "ng/mL|ng/ml|NG/ML|µg/l|mcg/L|ng/cc|fg/nL",
    "ng/L": "pg/mL|PG/ML|pg/ml|ng/l",
    "mmol/L": "mmol/l|MMOL/L|mM|mmol / L|mol/m3|millimole per liter|mmol·l⁻¹",
    "umol/L": "µmol/L|μmol/l|mcmol/L|uM|micromoles/L|UMOL/L",
    "meq/L": "mEq/L|MEQ/L|mval/l|milliequivalents per liter",
    "U/L": "IU/L|[iU]/L|[IU]/L|u/l|UI/L|Units/L|E/l|mIU/mL|mU/mL",
    "U/mL": "IU/mL|kU/L|KU/L|U/ml|k[iU]/L|AU/mL|UNITS/ML",
    "mU/L": "µIU/mL|uIU/mL|mIU/L|mIU/l|u[IU]/mL|m[iU]/L|μU/mL|mcIU/mL",
    "10*9/L": "10^9/L|x10^9/L|x10E9/L|X10E9/L|10e9/l|10⁹/L|×10⁹/L|10**9/L|10 exp 9/L|G/L|G/l|Giga/l|x10(9)/L|"
    "10*9.L-1|10⁹·L⁻¹|/nL|Mrd/l|Gpt/l|1E9/L|10*9{cells}/L|K/uL|k/µL|K/μL|K/mcL|x10E3/uL|10^3/µL|"
    "10³/μl|10*3/mm3|x10^3/mm³|K/cumm|Tsd/µl|thou/uL|Thousand/uL|thousand per microliter|1000/uL|"
    "x1000/uL|Tsd./µl|10*6/mL|th/cmm",
    "10*6/L": "/uL|/µL|/μl|cells/uL|{cells}/uL|cells/mm3|/mm³|/cumm|cells/cu.mm|/cmm|Zellen/µl|Zell./µl|"
    "cells/mcL|1/uL|#/uL|/mm^3|10^6/L|per microliter",
    "10*12/L": "T/L|T/l|10^12/L|M/uL|mill/uL|Mio/µl|Mio./µl|10*6/uL|x10E6/uL|million/uL",
    "mL/min/{1.73_m2}": "mL/min/1.73m2|mL/min/1.73 m2|mL/min/1.73m²|ml/min/1.73 m^2|mL/min/1.73sqm|mL/min/1.73.m2|"
    "mL/min/1,73m2|ml/min/1,73 m²|mL/min/173.10*-2.m2|mL/min/(1.73_m2)|ML/MIN/1.73M2|mL/min/{1.73m2}|"
    "mL/min/1.73|mL/min/1.73 m*2|mL/min{1.73_m2}|(mL/min)/1.73m2|mL/min/1.73m^2",
    "mL/min": "ml/min|ML/MIN|mL.min-1|cc/min",
    "mm/h": "mm/hr|MM/HR|mm/1h|mm/hour|mm/1st hr|mm / h|mm/Std",
    "s": "sec|SEC|secs|sec.|seconds|Sek.",
    "%": "percent|％|pct|/100 WBC|/100{WBC}|%{WBC}|% WBC",
    "fL": "fl|FL|um3|µm³|femtoliters",
    "mg/L{FEU}": "mg/L FEU|mg{FEU}/L|ug/mL FEU|µg FEU/mL|mg/l (FEU)|ug/mL{FEU}",
    "mg/L{DDU}": "mg/L DDU|ug/mL D-DU|mg{DDU}/L",
    "mmol/mol": "mmol/mol{Hb}|mmol/mol Hb|MMOL/MOL",
    "1": "{INR}|INR||{ratio}|ratio",
    "kg/m2": "kg/m²|kg/m^2|KG/M2",
}


@pytest.mark.parametrize(
    ("ucum", "other"), [(ucum, other) for ucum, others in SPELLINGS.items() for other in others.split("|")]
)
def test_a_unit_is_known_however_it_is_spelled(ucum, other):
    assert read_unit(other) == ucum_units()[ucum]


UNKNOWN = (
    "K|kelvin/uL|K/L|mil/uL|m/uL|10-3/uL|10*/L|10*99/L|10*9|mg/|/|//L|/L/L|g//L|g/dL g/L|G/L%|furlong|see note|0|-1/L"
    "|1.5/L|mg/dL or g/L|mg/dL?|{1.73_m2}|mg/{24h}|mL/min/{70_kg}|PL|mmHg|10*3*uL|ＫＫ|µ|feu|U FEU/L"
)


@pytest.mark.parametrize("unit", [*UNKNOWN.split("|"), "\ud83d", "\x00", "x" * 61, "m" * 10_000])
def test_a_unit_that_is_not_known_or_of_no_laboratory_gives_no_value(unit):
    assert {value(4, unit, e.name) for e in LABS} <= {"UNKNOWN_UNIT", "UNIT_MISMATCH"}


def test_no_spelling_means_two_units():
    table = yaml.safe_load(files("tumorcast_clinical.model.units").joinpath("units.yaml").read_text(encoding="utf-8"))
    spellings = [
        (str(each), str(name))
        for units in table.values()
        for name, raw in units.items()
        for each in (name, *raw["also"], *raw.get("cased", ()))
    ]
    meanings = dict(spellings)
    assert [pair for pair in spellings if meanings[pair[0]] != pair[1]] == []


def test_the_table_and_the_reader_of_ucum_agree():
    sizes = {}
    for name, unit in ucum_units().items():
        read = measure(name)
        if read and read.powers:
            sizes.setdefault((unit.dimension, read.powers), set()).add(read.size / unit.size)
    assert len(sizes) >= 14
    assert all(len(ratios) == 1 for ratios in sizes.values())
    assert len({powers for _, powers in sizes}) == len(sizes), "two dimensions of the same powers"


# Conventional → SI, as printed in the AMA Manual of Style (11th edition, table 17.5-1) and the SI tables of NEJM.
PUBLISHED = [
    ("creatinine", 1, "mg/dL", 88.4, "umol/L"),
    ("total_bilirubin", 1, "mg/dL", 17.104, "umol/L"),
    ("direct_bilirubin", 1, "mg/dL", 17.104, "umol/L"),
    ("glucose", 100, "mg/dL", 5.55, "mmol/L"),
    ("fasting_glucose", 100, "mg/dL", 5.55, "mmol/L"),
    ("urea_nitrogen", 2.801, "mg/dL", 1, "mmol/L"),
    ("urea_nitrogen", 20, "mg/dL", 7.14, "mmol/L"),
    ("urea", 5, "mmol/L", 30.03, "mg/dL"),
    ("calcium", 4.008, "mg/dL", 1, "mmol/L"),
    ("calcium", 10, "mg/dL", 2.5, "mmol/L"),
    ("calcium", 10, "mg/dL", 5, "meq/L"),
    ("ionized_calcium", 1.2, "mmol/L", 4.81, "mg/dL"),
    ("magnesium", 2.431, "mg/dL", 1, "mmol/L"),
    ("magnesium", 2.431, "mg/dL", 2, "meq/L"),
    ("phosphate", 1, "mg/dL", 0.323, "mmol/L"),
    ("uric_acid", 1, "mg/dL", 59.48, "umol/L"),
    ("cholesterol", 200, "mg/dL", 5.18, "mmol/L"),
    ("triglycerides", 100, "mg/dL", 1.13, "mmol/L"),
    ("iron", 100, "ug/dL", 17.9, "umol/L"),
    ("lactate", 9.01, "mg/dL", 1, "mmol/L"),
    ("sodium", 140, "mmol/L", 140, "meq/L"),
    ("potassium", 4, "mmol/L", 4, "meq/L"),
    ("potassium", 4, "mmol/L", 15.64, "mg/dL"),
    ("chloride", 100, "mmol/L", 100, "meq/L"),
    ("bicarbonate", 24, "mmol/L", 24, "meq/L"),
    ("free_thyroxine", 1, "ng/dL", 12.87, "pmol/L"),
    ("free_triiodothyronine", 1, "pg/mL", 1.536, "pmol/L"),
    ("cortisol", 1, "ug/dL", 27.59, "nmol/L"),
    ("testosterone", 100, "ng/dL", 3.467, "nmol/L"),
    ("ferritin", 100, "ng/mL", 224.7, "pmol/L"),
    ("fibrinogen", 340, "mg/dL", 10, "umol/L"),
    ("beta_2_microglobulin", 1, "mg/L", 85, "nmol/L"),
    ("calcitonin", 10, "pg/mL", 2.926, "pmol/L"),
    ("hemoglobin", 16.114, "g/dL", 10, "mmol/L"),
    ("hemoglobin", 12, "g/dL", 120, "g/L"),
    ("albumin", 4, "g/dL", 602, "umol/L"),
    ("mean_corpuscular_hemoglobin", 30, "pg", 1.862, "fmol"),
    ("alanine_aminotransferase", 60, "U/L", 1, "ukat/L"),
    ("lactate_dehydrogenase", 240, "U/L", 4, "ukat/L"),
    ("alpha_fetoprotein", 12.1, "ng/mL", 10, "U/mL"),
    ("hematocrit", 42, "%", 0.42, "L/L"),
    ("c_reactive_protein", 10, "mg/L", 1, "mg/dL"),
    ("thyrotropin", 2.5, "m[IU]/L", 2.5, "uIU/mL"),
    ("erythrocyte_count", 4.5, "10*12/L", 4.5, "M/uL"),
    ("platelet_count", 250, "10*9/L", 2.5, "lakh/cumm"),
    ("creatinine_clearance", 90, "mL/min", 1.5, "mL/s"),
    ("estimated_glomerular_filtration_rate", 90, "mL/min/{1.73_m2}", 1.5, "mL/s/1.73 m2"),
]


@pytest.mark.parametrize(("name", "conventional", "unit", "other", "other_unit"), PUBLISHED)
def test_a_conversion_agrees_with_the_published_factor(name, conventional, unit, other, other_unit):
    assert value(conventional, unit, name) == pytest.approx(value(other, other_unit, name), rel=4e-3)


@pytest.mark.parametrize("name", [e.name for e in NUMERIC])
@settings(max_examples=20)
@given(thousandths=st.integers(0, 1000))
def test_the_same_amount_in_any_unit_and_spelling_is_the_very_same_number(name, thousandths):
    analyte = entry(name)
    low, high = (Fraction(str(bound)) for bound in analyte.range)
    amount = low + (high - low) * thousandths / 1000
    read = convert(amount, analyte.unit, analyte)
    factors = factors_to(analyte)
    for written, unit in known_units().items():
        if unit.dimension in factors:
            other = convert(amount / (unit.size * factors[unit.dimension]), written, analyte)
            assert other == read, written


@given(
    digits=st.integers(-(10**18), 10**18),
    exponent=st.integers(-25, 5),
    analyte=st.sampled_from(LABS),
    data=st.data(),
)
def test_a_number_is_the_correctly_rounded_product(digits, exponent, analyte, data):
    unit = data.draw(st.sampled_from(sorted({analyte.unit, *other_units(analyte)})))
    number = Decimal(digits).scaleb(exponent)
    exact = Fraction(number) * read_unit(unit).size * factors_to(analyte)[read_unit(unit).dimension]
    read = convert(number, unit, analyte)
    if isinstance(read, Refusal):
        assert read.code == "IMPLAUSIBLE_VALUE"
    else:
        assert read == float(exact)
        assert analyte.range[0] <= read <= analyte.range[1]


@pytest.mark.parametrize("analyte", NUMERIC, ids=lambda e: e.name)
def test_a_unit_of_another_kind_of_quantity_is_always_refused(analyte):
    foreign = [s for s, unit in known_units().items() if unit.dimension not in factors_to(analyte)]
    assert len(foreign) > 100
    middle = Fraction(str(sum(analyte.range) / 2))
    assert {value(middle, written, analyte.name) for written in foreign} == {"UNIT_MISMATCH"}


@pytest.mark.parametrize(
    ("name", "number", "unit", "code"),
    [
        # units of another quantity that look alike
        ("ca_19_9", 37, "ukat/L", "UNIT_MISMATCH"),
        ("ca_19_9", 37, "ng/mL", "UNIT_MISMATCH"),
        ("carcinoembryonic_antigen", 5, "U/mL", "UNIT_MISMATCH"),
        ("prostate_specific_antigen", 5, "IU/mL", "UNIT_MISMATCH"),
        ("human_chorionic_gonadotropin", 5, "ng/mL", "UNIT_MISMATCH"),
        ("thyrotropin", 2, "ukat/L", "UNIT_MISMATCH"),
        ("thyrotropin", 2, "pmol/L", "UNIT_MISMATCH"),
        ("alanine_aminotransferase", 30, "mg/dL", "UNIT_MISMATCH"),
        ("c_reactive_protein", 100, "nmol/L", "UNIT_MISMATCH"),
        ("hemoglobin", 12, "G/L", "UNIT_MISMATCH"),
        ("platelet_count", 250, "g/L", "UNIT_MISMATCH"),
        ("neutrophil_count", 62, "%", "UNIT_MISMATCH"),
        ("neutrophil_percentage", 4.1, "10*9/L", "UNIT_MISMATCH"),
        ("neutrophil_percentage", 0.62, "1", "UNIT_MISMATCH"),
        ("basophil_percentage", 0.5, "{ratio}", "UNIT_MISMATCH"),
        ("international_normalized_ratio", 90, "%", "UNIT_MISMATCH"),
        ("international_normalized_ratio", 12, "s", "UNIT_MISMATCH"),
        ("prothrombin_time", 1.1, "{INR}", "UNIT_MISMATCH"),
        ("prothrombin_activity", 1.1, "{INR}", "UNIT_MISMATCH"),
        ("estimated_glomerular_filtration_rate", 90, "mL/min", "UNIT_MISMATCH"),
        ("estimated_glomerular_filtration_rate", 50, "mL/min/m2", "UNIT_MISMATCH"),
        ("creatinine_clearance", 90, "mL/min/1.73m2", "UNIT_MISMATCH"),
        ("creatinine_clearance", 90, "mL/min{1.73_m2}", "UNIT_MISMATCH"),
        ("hemoglobin_a1c", 48, "mmol/mol", "UNIT_MISMATCH"),
        ("hemoglobin_a1c_ifcc", 6.5, "%", "UNIT_MISMATCH"),
        ("d_dimer_feu", 250, "ng/mL DDU", "UNIT_MISMATCH"),
        ("d_dimer_ddu", 500, "ng/mL{FEU}", "UNIT_MISMATCH"),
        ("c_reactive_protein", 5, "mg/L{FEU}", "UNIT_MISMATCH"),
        ("erythrocyte_sedimentation_rate", 20, "mL/min/m2", "UNIT_MISMATCH"),
        ("bicarbonate", 24, "mg/dL", "UNIT_MISMATCH"),
        ("albumin", 4, "meq/L", "UNIT_MISMATCH"),
        # the usual value under a wrong unit
        ("neutrophil_count", 4.1, "/uL", "IMPLAUSIBLE_VALUE"),
        ("neutrophil_count", 4, "/uL", "IMPLAUSIBLE_VALUE"),
        ("neutrophil_count", 4100, "10*9/L", "IMPLAUSIBLE_VALUE"),
        ("leukocyte_count", 7.2, "/uL", "IMPLAUSIBLE_VALUE"),
        ("leukocyte_count", 7200, "10*3/uL", "IMPLAUSIBLE_VALUE"),
        ("lymphocyte_count", 1.5, "cells/mm3", "IMPLAUSIBLE_VALUE"),
        ("monocyte_count", 0.5, "/uL", "IMPLAUSIBLE_VALUE"),
        ("eosinophil_count", 1.5, "/uL", "IMPLAUSIBLE_VALUE"),
        ("basophil_count", 0.0032, "10*9/L", "IMPLAUSIBLE_VALUE"),
        ("platelet_count", 250, "/uL", "IMPLAUSIBLE_VALUE"),
        ("platelet_count", 250000, "10*3/uL", "IMPLAUSIBLE_VALUE"),
        ("erythrocyte_count", 4.5, "10*9/L", "IMPLAUSIBLE_VALUE"),
        ("neutrophil_percentage", 0.62, "%", "IMPLAUSIBLE_VALUE"),
        ("eosinophil_percentage", 0.03, "%", "IMPLAUSIBLE_VALUE"),
        ("hematocrit", 0.42, "%", "IMPLAUSIBLE_VALUE"),
        ("hematocrit", 42, "L/L", "IMPLAUSIBLE_VALUE"),
        ("hemoglobin", 125, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("hemoglobin", 12.5, "g/L", "IMPLAUSIBLE_VALUE"),
        ("albumin", 40, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("albumin", 4, "g/L", "IMPLAUSIBLE_VALUE"),
        ("creatinine", 80, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("creatinine", 0.9, "umol/L", "IMPLAUSIBLE_VALUE"),
        ("calcium", 2.3, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("calcium", 9.4, "mmol/L", "IMPLAUSIBLE_VALUE"),
        ("ionized_calcium", 4.8, "mmol/L", "IMPLAUSIBLE_VALUE"),
        ("ionized_calcium", 1.2, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("glucose", 5.5, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("glucose", 300, "mmol/L", "IMPLAUSIBLE_VALUE"),
        ("uric_acid", 350, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("cholesterol", 5.2, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("total_protein", 70, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("fibrinogen", 3, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("transferrin", 2.5, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("hemoglobin_a1c", 48, "%", "IMPLAUSIBLE_VALUE"),
        ("free_thyroxine", 15, "ng/dL", "IMPLAUSIBLE_VALUE"),
        ("d_dimer_feu", 450, "mg/L", "IMPLAUSIBLE_VALUE"),
        ("sodium", 140, "mg/dL", "IMPLAUSIBLE_VALUE"),
        # absurd numbers
        ("hemoglobin", -12, "g/dL", "IMPLAUSIBLE_VALUE"),
        ("hemoglobin", "1e400", "g/dL", "IMPLAUSIBLE_VALUE"),
        ("hemoglobin", "-1e400", "g/dL", "IMPLAUSIBLE_VALUE"),
        ("hemoglobin", "1e-400", "g/dL", "IMPLAUSIBLE_VALUE"),
    ],
)
def test_a_quantity_that_may_be_misread_is_refused(name, number, unit, code):
    assert value(number, unit, name) == code


@pytest.mark.parametrize(
    ("name", "number", "unit", "expected"),
    [
        ("neutrophil_count", 0, "10*9/L", 0.0),
        ("neutrophil_count", 0, "/uL", 0.0),
        ("neutrophil_count", 10, "/uL", 0.01),
        ("neutrophil_count", 4100, "/uL", 4.1),
        ("neutrophil_count", 3382.89, "/uL", 3.38289),  # leukocytes times a percentage
        ("leukocyte_count", 120, "/uL", 0.12),
        ("leukocyte_count", 350, "K/uL", 350.0),
        ("basophil_count", 5, "/uL", 0.005),
        ("basophil_count", 0.005, "10*9/L", 0.005),
        ("platelet_count", 250000, "/uL", 250.0),
        ("platelet_count", 1, "10*9/L", 1.0),
        ("erythrocyte_count", 4500000, "/uL", 4.5),
        ("neutrophil_percentage", 0, "%", 0.0),
        ("prostate_specific_antigen", 0, "ng/mL", 0.0),
        ("d_dimer_feu", 500, "ng/mL", 0.5),
        ("d_dimer_feu", 500, "ng/mL FEU", 0.5),
        ("d_dimer_ddu", 250, "ug/L", 0.25),
        ("alpha_fetoprotein", 10, "IU/mL", 12.1),
        ("human_chorionic_gonadotropin", 5, "IU/L", 5.0),
        ("ca_125", 35, "kU/L", 35.0),
    ],
)
def test_a_real_extreme_and_a_usual_spelling_are_read(name, number, unit, expected):
    assert value(number, unit, name) == expected


def test_ten_cells_and_fewer_are_read_alike_in_every_unit():
    spellings = {"10*9/L": 1000, "K/uL": 1000, "/uL": 1, "10*6/L": 1, "10*12/L": 10**6}
    for tenths in range(1, 150):
        read = {value(Fraction(tenths, 10 * size), unit, "basophil_count") for unit, size in spellings.items()}
        whole = tenths % 10 == 0
        assert read == {tenths / 10_000 if whole or tenths >= 100 else "IMPLAUSIBLE_VALUE"}, tenths


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("sodium", "mmol/L", "mEq/L", True),
        ("calcium", "mmol/L", "mEq/L", False),
        ("albumin", "g/L", "g/dL", False),
        ("platelet_count", "10*3/uL", "K/uL", True),
        ("platelet_count", "10*9/L", "see report", True),
        ("alanine_aminotransferase", "U/L", "IU/L", True),
        ("d_dimer_feu", "ng/mL", "ng/mL FEU", True),
        ("d_dimer_ddu", "ng/mL", "ng/mL FEU", False),
        ("international_normalized_ratio", "1", "{INR}", True),
        ("international_normalized_ratio", "1", "%", False),
        ("hemoglobin", "10*9/L", "%", False),
    ],
)
def test_two_units_agree_only_if_they_are_one_for_the_analyte(name, first, second, expected):
    assert agree(first, second, entry(name)) is agree(second, first, entry(name)) is expected


PIECES = (
    "mg|g|ug|µg|m|c|n|K|k|G|U|[iU]|mol|eq|L|l|dL|uL|mm3|/|.|10*|x10E|9|3|{cells}|{|}|(|)|%|1.73m2|min|h|s| |FEU|⁹|×|per"
)


@given(
    st.lists(st.sampled_from(PIECES.split("|")), max_size=8).map("".join) | st.text(max_size=70),
    st.sampled_from(NUMERIC),
)
def test_no_spelling_breaks_the_reader_or_gives_a_value_of_another_quantity(written, analyte):
    unit = read_unit(written)
    found = convert(Decimal("4.1"), written, analyte)
    if unit is None or unit.dimension not in factors_to(analyte):
        assert isinstance(found, Refusal)
    elif not isinstance(found, Refusal):
        assert unit.size > 0
        assert found == float(Fraction(41, 10) * unit.size * factors_to(analyte)[unit.dimension])


@given(st.text(max_size=12))
def test_letters_around_a_unit_make_it_another(noise):
    """A known unit in known text is never found inside unknown text."""
    if any(letter.isalpha() for letter in noise) and not read_unit(f"zzq{noise}"):
        assert read_unit(f"zzqmg/dL{noise}") is None


def test_what_someone_wrote_instead_of_a_unit_is_not_kept():
    assert read_unit("Jane Doe") is None
    assert value(4, "Jane Doe", "albumin") == "UNKNOWN_UNIT"
    for kept in (spelling._KEPT, convert_module._KEPT):
        assert "Jane Doe" not in str(kept)
    for i in range(5000):
        assert read_unit(f"{i + 1}/L") is not None
    assert len(spelling._KEPT) <= 4096


def test_messages_quote_neither_the_unit_nor_the_number():
    for number, unit in ((4242, "g/dL"), (4242, "secret"), (4242, "%")):
        found = convert(number, unit, entry("hemoglobin"))
        assert isinstance(found, Refusal)
        assert "4242" not in found.message
        assert "secret" not in found.message


def test_every_analyte_is_read_in_its_own_unit():
    for analyte in NUMERIC:
        assert factors_to(analyte)[read_unit(analyte.unit).dimension] == 1 / read_unit(analyte.unit).size
