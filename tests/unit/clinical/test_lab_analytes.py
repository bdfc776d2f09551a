"""Which laboratory codes are read, as what; and which only look alike."""

import re
from pathlib import Path

import pytest

import tumorcast_clinical
import tumorcast_core.catalog
from support.records import LOINC, UCUM, bundle, observation
from tumorcast_clinical.model import analyte_table, extract_features
from tumorcast_clinical.model.units.spelling import ucum_units
from tumorcast_core.catalog import by_coding, catalog
from tumorcast_core.snapshot import Modality

LABS = {e.name: e for e in catalog().values() if e.modality == Modality.LABS and e.observed}


def read(loinc, value, unit, **quantity):
    """(name, value) of what one result gives, else the issue codes."""
    stated = {"value": value, "unit": unit, **quantity}
    found = extract_features(bundle(observation(loinc=loinc, valueQuantity=stated)), "2026-03-28")
    labs = [(f.name, f.value) for f in found.features if f.source == "Observation/o1"]
    return labs[0] if labs else [issue.code for issue in found.issues]


def mod_10_check_digit(number: str) -> int:
    """LOINC's check digit (LOINC Users' Guide, appendix C): Luhn's, of the digits before the hyphen."""
    doubled = [int(digit) * (2 if i % 2 == 0 else 1) for i, digit in enumerate(reversed(number))]
    return -sum(product // 10 + product % 10 for product in doubled) % 10


def loinc_codes_of(folder: Path) -> set[str]:
    text = "\n".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.yaml"))
    coded = re.findall(r"\bloinc:? +(\d+-\d)\b", text)
    listed = [
        code
        for group in re.findall(r"\bloinc: *\[([^\]]*)\]", text)
        for code in re.findall(r"(?<![\w-])\d+-\d\b", group)
    ]
    return {code for code in (*coded, *listed) if code}


def test_the_check_digit_of_every_loinc_code_is_right():
    in_catalog = loinc_codes_of(Path(tumorcast_core.catalog.__file__).parent)
    in_tables = loinc_codes_of(Path(tumorcast_clinical.__file__).parent / "model")
    assert len(in_catalog) > 280
    wrong = [c for c in sorted(in_catalog | in_tables) if mod_10_check_digit(c[:-2]) != int(c[-1])]
    assert wrong == []
    assert mod_10_check_digit("2951") == 2
    assert mod_10_check_digit("2950") != 2


def test_every_lab_has_a_group_a_bounded_range_and_a_loinc_code_first():
    assert len(LABS) >= 95
    for lab in LABS.values():
        assert lab.group, lab.name
        assert lab.categories or lab.range[0] < lab.range[1] < 1e8, lab.name
        assert lab.categories or lab.codings[0].system == LOINC, lab.name


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "expected"),
    [
        # blood count
        ("718-7", 12.5, "g/dL", ("hemoglobin", 12.5)),
        ("59260-0", 8, "mmol/L", ("hemoglobin", 12.8912)),
        ("4544-3", 0.41, "L/L", ("hematocrit", 41)),
        ("20570-8", 41, "%", ("hematocrit", 41)),
        ("789-8", 4.5, "10*6/uL", ("erythrocyte_count", 4.5)),
        ("787-2", 90, "fl", ("mean_corpuscular_volume", 90)),
        ("788-0", 14.2, "%", ("red_cell_distribution_width", 14.2)),
        ("6690-2", 7200, "/uL", ("leukocyte_count", 7.2)),
        ("751-8", 4.1, "K/uL", ("neutrophil_count", 4.1)),
        ("770-8", 62, "%", ("neutrophil_percentage", 62)),
        ("736-9", 28.5, "%", ("lymphocyte_percentage", 28.5)),
        ("742-7", 0.5, "G/L", ("monocyte_count", 0.5)),
        ("711-2", 150, "cells/uL", ("eosinophil_count", 0.15)),
        ("704-7", 0.04, "10^9/L", ("basophil_count", 0.04)),
        ("777-3", 250, "x10E3/uL", ("platelet_count", 250)),
        # chemistry
        ("2951-2", 140, "mEq/L", ("sodium", 140)),
        ("2823-3", 4.2, "mmol/L", ("potassium", 4.2)),
        ("2075-0", 101, "mmol/L", ("chloride", 101)),
        ("2028-9", 24, "mEq/L", ("bicarbonate", 24)),
        ("2000-8", 2.5, "mmol/L", ("calcium", 10.0195)),
        ("17861-6", 9.4, "mg/dL", ("calcium", 9.4)),
        ("29265-6", 2.5, "mmol/L", ("corrected_calcium", 10.0195)),
        ("1994-3", 4.8, "mg/dL", ("ionized_calcium", 48 / 40.078)),
        ("2601-3", 0.8, "mmol/L", ("magnesium", 1.9444)),
        ("14879-1", 1.1, "mmol/L", ("phosphate", 3.40714)),
        ("14749-6", 5.5, "mmol/L", ("glucose", 99.088)),
        ("4548-4", 6.5, "%", ("hemoglobin_a1c", 6.5)),
        ("59261-8", 48, "mmol/mol", ("hemoglobin_a1c_ifcc", 48)),
        ("2885-2", 70, "g/L", ("total_protein", 7)),
        ("14933-6", 360, "umol/L", ("uric_acid", 6.05196)),
        # liver
        ("1751-7", 38, "g/L", ("albumin", 3.8)),
        ("14631-6", 17, "umol/L", ("total_bilirubin", 0.993922)),
        ("1968-7", 0, "mg/dL", ("direct_bilirubin", 0)),
        ("1742-6", 0.5, "ukat/L", ("alanine_aminotransferase", 30)),
        ("1920-8", 30, "IU/L", ("aspartate_aminotransferase", 30)),
        ("6768-6", 110, "U/L", ("alkaline_phosphatase", 110)),
        ("2324-2", 40, "U/L", ("gamma_glutamyl_transferase", 40)),
        ("2532-0", 260, "U/L", ("lactate_dehydrogenase", 260)),
        # inflammation
        ("1988-5", 1.2, "mg/dL", ("c_reactive_protein", 12)),
        ("30522-7", 1.2, "mg/L", ("c_reactive_protein", 1.2)),
        ("2276-4", 300, "ug/L", ("ferritin", 300)),
        ("33959-8", 0.05, "ng/mL", ("procalcitonin", 0.05)),
        ("4537-7", 20, "mm/hr", ("erythrocyte_sedimentation_rate", 20)),
        ("26881-3", 7, "ng/L", ("interleukin_6", 7)),
        # tumor markers
        ("2039-6", 5, "ug/L", ("carcinoembryonic_antigen", 5)),
        ("24108-3", 37, "kU/L", ("ca_19_9", 37)),
        ("10334-1", 35, "U/mL", ("ca_125", 35)),
        ("6875-9", 30, "IU/mL", ("ca_15_3", 30)),
        ("17842-6", 38, "U/mL", ("ca_27_29", 38)),
        ("1834-1", 400, "ng/mL", ("alpha_fetoprotein", 400)),
        ("19176-7", 100, "k[IU]/L", ("alpha_fetoprotein", 121)),
        ("2857-1", 4, "ng/mL", ("prostate_specific_antigen", 4)),
        ("10886-0", 0.8, "ng/mL", ("free_prostate_specific_antigen", 0.8)),
        ("21198-7", 5, "IU/L", ("human_chorionic_gonadotropin", 5)),
        ("1992-7", 10, "pg/mL", ("calcitonin", 10)),
        ("9811-1", 100, "ug/L", ("chromogranin_a", 100)),
        ("1952-1", 2000, "ug/L", ("beta_2_microglobulin", 2)),
        ("15060-7", 16, "ng/mL", ("neuron_specific_enolase", 16)),
        ("25390-6", 3.3, "ng/mL", ("cyfra_21_1", 3.3)),
        ("47275-3", 0.1, "ug/L", ("s100b", 0.1)),
        ("9679-2", 1.5, "ug/L", ("squamous_cell_carcinoma_antigen", 1.5)),
        ("55180-4", 70, "pmol/L", ("human_epididymis_protein_4", 70)),
        ("3013-0", 20, "ng/mL", ("thyroglobulin", 20)),
        # coagulation
        ("6301-6", 1.1, "{INR}", ("international_normalized_ratio", 1.1)),
        ("5902-2", 12.5, "sec", ("prothrombin_time", 12.5)),
        ("5894-1", 90, "%", ("prothrombin_activity", 90)),
        ("14979-9", 30, "s", ("activated_partial_thromboplastin_time", 30)),
        ("3255-7", 3, "g/L", ("fibrinogen", 300)),
        ("48065-7", 500, "ng{FEU}/mL", ("d_dimer_feu", 0.5)),
        ("48066-5", 250, "ng/mL DDU", ("d_dimer_ddu", 0.25)),
        # kidney
        ("14682-9", 88.4, "umol/L", ("creatinine", 0.9999808)),
        ("22664-7", 5, "mmol/L", ("urea", 5)),
        ("3091-6", 30.028, "mg/dL", ("urea", 5)),
        ("3094-0", 14, "mg/dL", ("urea_nitrogen", 14)),
        ("14937-7", 5, "mmol/L", ("urea_nitrogen", 14.007)),
        ("98979-8", 90, "mL/min/1.73m2", ("estimated_glomerular_filtration_rate", 90)),
        ("33914-3", 90, "mL/min/1.73.m2", ("estimated_glomerular_filtration_rate_mdrd", 90)),
        ("33863-2", 0.9, "mg/L", ("cystatin_c", 0.9)),
        # hormones
        ("3016-3", 2.5, "uIU/mL", ("thyrotropin", 2.5)),
        ("14920-3", 15, "pmol/L", ("free_thyroxine", 1.165305)),
        ("14928-6", 5, "pmol/L", ("free_triiodothyronine", 3.25485)),
        ("14675-3", 400, "nmol/L", ("cortisol", 14.4984)),
        ("14913-8", 0.7, "nmol/L", ("testosterone", 20.1894)),
    ],
)
def test_a_result_is_read_as_its_analyte_in_the_canonical_unit(loinc, value, unit, expected):
    name, number = read(loinc, value, unit)
    assert name == expected[0]
    assert number == pytest.approx(expected[1], rel=1e-9)


@pytest.mark.parametrize(
    ("loinc", "what"),
    [
        ("2161-8", "creatinine in urine"),
        ("2955-3", "sodium in urine"),
        ("2828-2", "potassium in urine"),
        ("2888-6", "protein in urine"),
        ("5792-7", "glucose in urine by test strip"),
        ("2342-4", "glucose in cerebrospinal fluid"),
        ("2880-3", "protein in cerebrospinal fluid"),
        ("806-0", "leukocytes in cerebrospinal fluid"),
        ("5821-4", "leukocytes in urine sediment"),
        ("26455-6", "erythrocytes in body fluid"),
        ("1747-5", "albumin in body fluid"),
        ("2529-6", "lactate dehydrogenase in body fluid"),
        ("19186-6", "CA 15-3 in pleural fluid"),
        ("1832-5", "alpha-fetoprotein in amniotic fluid"),
        ("49919-4", "interleukin 6 in cerebrospinal fluid"),
        ("48623-3", "direct bilirubin in cord blood"),
        ("769-0", "segmented neutrophils, without bands"),
        ("30451-9", "segmented neutrophils, without bands"),
        ("26508-2", "band neutrophils"),
        ("764-1", "band neutrophils"),
        ("13046-8", "variant lymphocytes"),
        ("2537-9", "lactate dehydrogenase 1"),
        ("1779-8", "alkaline phosphatase of liver"),
        ("32673-6", "creatine kinase MB"),
        ("47598-8", "ionized calcium at pH 7.4"),
        ("48643-1", "eGFR among blacks"),
        ("88293-6", "eGFR among blacks"),
        ("7799-0", "D-dimer of neither kind of unit"),
        ("19180-9", "free beta subunit of hCG"),
        ("2118-8", "a pregnancy test"),
        ("2007-3", "CA 15-3, present or not"),
        ("3050-2", "triiodothyronine uptake"),
        ("2991-8", "free testosterone"),
        ("77145-1", "fasting glucose of a specimen class that no group has"),
        ("10839-9", "troponin I"),
        ("76485-2", "moles of C-reactive protein, whose mass is not agreed on"),
        ("3097-3", "a ratio of two analytes"),
    ],
)
def test_a_code_that_only_looks_alike_is_not_read(loinc, what):
    assert (LOINC, loinc) not in by_coding(), what
    assert read(loinc, 5, "mg/dL") == ["UNMAPPED_CODE"]


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "code"),
    [
        ("4548-4", 48, "mmol/mol", "UNIT_MISMATCH"),
        ("48066-5", 500, "ng/mL FEU", "UNIT_MISMATCH"),
        ("48065-7", 250, "ng/mL{DDU}", "UNIT_MISMATCH"),
        ("6301-6", 90, "%", "UNIT_MISMATCH"),
        ("98979-8", 90, "mL/min", "UNIT_MISMATCH"),
        ("751-8", 4.1, "/uL", "IMPLAUSIBLE_VALUE"),
        ("777-3", 250, "/uL", "IMPLAUSIBLE_VALUE"),
        ("770-8", 0.62, "%", "IMPLAUSIBLE_VALUE"),
        ("2000-8", 2.5, "mg/dL", "IMPLAUSIBLE_VALUE"),
        ("789-8", 4.5, "mil/uL", "UNKNOWN_UNIT"),
    ],
)
def test_a_result_that_may_be_misread_gives_an_issue(loinc, value, unit, code):
    assert read(loinc, value, unit) == [code]


@pytest.mark.parametrize(
    ("loinc", "value", "code", "wording", "expected"),
    [
        ("2951-2", 140, "mmol/L", "mEq/L", ("sodium", 140)),
        ("2000-8", 2.5, "mmol/L", "mEq/L", ["CONFLICTING_UNITS"]),
        ("48065-7", 500, "ng/mL", "ng/mL FEU", ("d_dimer_feu", 0.5)),
        ("48066-5", 250, "ng/mL", "ng/mL FEU", ["CONFLICTING_UNITS"]),
        ("6690-2", 7.2, "10*3/uL", "Thousand per microliter", ("leukocyte_count", 7.2)),
        ("6690-2", 7.2, "10*3/uL", "per microliter", ["CONFLICTING_UNITS"]),
        ("2160-0", 1.1, "mg/dL", "milligrams per deciliter", ("creatinine", 1.1)),
        ("2160-0", 1.1, "mg/dL", "umol/L", ["CONFLICTING_UNITS"]),
        ("6301-6", 1.1, "1", "INR", ("international_normalized_ratio", 1.1)),
    ],
)
def test_code_and_wording_of_a_unit_must_be_one_for_the_analyte(loinc, value, code, wording, expected):
    assert read(loinc, value, wording, system=UCUM, code=code) == expected


def test_the_table_of_analytes_names_codes_and_further_units():
    rows = {analyte.name: (analyte, units) for analyte, units in analyte_table()}
    assert LABS.keys() <= rows.keys()
    assert "age" not in rows
    assert rows["calcium"][1]["mmol/L"] == 4.0078
    assert rows["sodium"][1]["meq/L"] == 1
    assert rows["alanine_aminotransferase"][1]["ukat/L"] == 60
    assert "ukat/L" not in rows["ca_19_9"][1]
    assert rows["kras_mutation"][1] == {}
    assert all(unit in ucum_units() for _, units in rows.values() for unit in units)
