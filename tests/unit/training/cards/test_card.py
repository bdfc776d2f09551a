"""The generated card: complete by its checklists, true to its figures, and there whatever is missing."""

import copy
import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support import card_metrics
from tumorcast_fusion.model import PrognosisModel
from tumorcast_training import blueprint
from tumorcast_training.cards import card, simulated_card

SERVICES = Path(files("tumorcast_training").joinpath("..")).resolve()  # type: ignore[arg-type]
SIMULATED = SERVICES / "tumorcast_fusion" / "models" / "simulated"
TRIPOD_ITEMS = """
    1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 18a 18b 18c 18d
    18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c
"""  # Collins 2024: 27 items, 52 with their parts
CHAI_FIELDS = """
    ModelName ModelDeveloper DeveloperContact ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability
    EHRCompatibility
    RegulatoryApproval Summary Keywords IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation
    CautionedOutOfScopeSettings KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel
    OutcomesAndOutputs ModelType FoundationModels InputDataSource OutputAndInputDataTypes BiasMitigationApproaches
    DevelopmentDataCharacterization OngoingMaintenance Security Transparency FundingSource ThirdPartyInformation
    StakeholdersConsulted UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability EvaluationReferences
    ClinicalTrial PeerReviewedPublications ReimbursementStatus PatientConsentOrDisclosure Bibliography
"""  # mc-schema v0.2, schema.xsd: elements with text


@cache
def figures() -> str:
    return json.dumps(card_metrics.metrics())


def render(metrics: dict[str, Any]) -> str:
    return card(card_metrics.manifest(), card_metrics.BLUEPRINT, metrics, card_metrics.SHA256)


def whole() -> str:
    return render(json.loads(figures()))


def section(text: str, heading: str) -> str:
    return re.split(r"\n## ", text.split(f"## {heading}", 1)[1])[0]


def test_the_same_metrics_give_the_same_card() -> None:
    assert whole() == whole()
    shuffled_keys = dict(reversed(json.loads(figures()).items()))
    assert render(shuffled_keys) == whole()


def test_the_first_screen_names_use_score_gain_and_calibration() -> None:
    screen = whole().split("## 1 Use")[0]
    for said in ("not a medical device", "A tumor of tests.", "Care of any kind.", "It abstains", "300 patients"):
        assert said in screen
    response = next(line for line in screen.splitlines() if line.startswith("| objective response"))
    auc = json.loads(figures())["endpoints"]["objective_response"]["scores"]["auc"]
    assert f"AUC {auc[0]:.3f} [{auc[1]:.3f}, {auc[2]:.3f}]" in response
    assert "200 no response, 100 response" in response
    assert "yes: +0.050 (above +0.020, p = 0.004)" in response
    assert response.endswith("| yes | linear |")
    assert len(screen.splitlines()) < 40


def test_disclaimer_digest_command_licence_and_attribution_stand_in_the_card() -> None:
    text = whole()
    assert card_metrics.BLUEPRINT.disclaimer in text
    for said in (
        card_metrics.SHA256,
        "tumorcast train little --data DIR --out DIR --seed 7",
        "Apache-2.0",
        "Nobody et al.",
    ):
        assert said in section(text, "9 Licence")


def test_every_input_has_its_unit_range_code_and_missing_share() -> None:
    inputs = section(whole(), "4 Inputs")
    albumin = next(line for line in inputs.splitlines() if line.startswith("| `albumin`"))
    assert "g/dL" in albumin
    assert "LOINC 1751-7" in albumin
    assert albumin.endswith("| 12 % |")
    assert "`functional_tumor_volume_t0`" in inputs
    missing = re.findall(r"\| ([^|]+) \|$", inputs, re.MULTILINE)
    assert [m for m in missing if m not in ("missing", "---")] == ["12 %", "0 %", "< 1 %", "50 %", "not computed"]
    assert "the part above 350" in inputs


def test_competing_causes_are_told_apart() -> None:
    results = section(whole(), "7 Results")
    assert "150 progression, 100 death, 50 censored" in whole()
    assert "#### Progression" in results
    assert "#### Death" in results
    assert "| at the visit | 0.610 ± 0.010 | 19.0 % | 32.0 % |" in results


@pytest.mark.parametrize("item", TRIPOD_ITEMS.split())
def test_every_tripod_item_is_answered(item: str) -> None:
    assert re.search(rf"^\| {item} \| [^|]+ \| [^|]+ \|$", section(whole(), "11 TRIPOD+AI"), re.MULTILINE)


@pytest.mark.parametrize("field", CHAI_FIELDS.split())
def test_every_field_of_chais_schema_is_answered(field: str) -> None:
    assert re.search(rf"^\| [^|]*\b{field}\b[^|]* \| [^|]+ \|$", section(whole(), "10 CHAI"), re.MULTILINE)


def test_the_ai_act_mapping_says_what_is_here_and_what_is_left_and_is_no_legal_advice() -> None:
    act = section(whole(), "12 EU AI Act")
    rows = [line.strip("| ").split(" | ") for line in act.splitlines() if line.startswith("| ") and "---" not in line]
    articles = {row[0].split()[0] for row in rows}
    assert {"9", "10", "11", "12", "13", "14", "15"} <= articles
    assert all(len(row) == 3 and all(row) for row in rows)
    for said in ("no legal advice", "not a medical device", "research use"):
        assert said in " ".join(act.split())


def test_sections_that_the_checklists_point_to_exist() -> None:
    headings = re.findall(r"^## (\d+) ", whole(), re.MULTILINE)
    assert headings == [str(n) for n in range(1, 13)]


def test_files_that_the_card_names_exist() -> None:
    named = set(re.findall(r"`((?:services|tumorcast_\w+)/[\w./-]+)`", whole()))
    assert named
    for name in named - {"tumorcast_training/blueprints/little.yaml"}:
        place = SERVICES.parent / name if name.startswith("services/") else SERVICES / name
        assert place.exists(), name


def test_all_tables_are_rectangular() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", whole(), re.MULTILINE):
        widths = {len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_a_card_without_figures_says_so_and_invents_none() -> None:
    text = render({})
    assert "no figures were computed" in text
    assert "not computed" in text
    assert card_metrics.SHA256 in text
    assert not re.search(r"\d\.\d{3} \[", text)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_missing_or_null_key_stops_the_card(data: st.DataObject) -> None:
    metrics = json.loads(figures())
    for _ in range(data.draw(st.integers(1, 12))):
        _damage(metrics, data)
    text = render(copy.deepcopy(metrics))
    assert card_metrics.SHA256 in text
    assert not re.search(r"\bNone\b", text), re.findall(r".*\bNone\b.*", text)


def _damage(metrics: dict[str, Any], data: st.DataObject) -> None:
    """Remove, or set to null, one key at a random depth."""
    place = metrics
    while True:
        inner = [key for key, value in place.items() if isinstance(value, dict) and value]
        if not inner or data.draw(st.booleans()):
            break
        place = place[data.draw(st.sampled_from(inner))]
    if place:
        key = data.draw(st.sampled_from(sorted(place)))
        if data.draw(st.booleans()):
            del place[key]
        else:
            place[key] = None


def test_small_counts_of_a_group_of_patients_are_not_told() -> None:
    row = next(line for line in whole().splitlines() if line.startswith("| sex: male"))
    assert row == "| sex: male | 20 | < 5 | too few events |  |  |"


def test_a_test_set_is_told_on_the_first_screen_and_in_full() -> None:
    metrics = json.loads(figures())
    metrics["test"] = {"objective_response": {"scores": card_metrics.binary_scores()}}
    text = render(metrics)
    assert "On the test set, scored once: objective response: AUC 0." in text.split("## 1 Use")[0]
    assert "#### Objective response, test set" in text
    assert "There is no test set" in whole()


def test_a_picture_is_shown_where_there_is_one() -> None:
    text = card(
        card_metrics.manifest(),
        card_metrics.BLUEPRINT,
        json.loads(figures()),
        card_metrics.SHA256,
        {"overall_survival": "plots/overall_survival.svg"},
    )
    assert text.count("](plots/overall_survival.svg)") == 1


@pytest.mark.parametrize("name", sorted(path.stem for path in blueprint.BLUEPRINTS.glob("*.yaml")))
def test_every_shipped_blueprint_gives_a_card(name: str) -> None:
    import pandas as pd

    found = blueprint.load(name)
    text = card(found.manifest(pd.DataFrame()), found, {}, card_metrics.SHA256)
    assert text.startswith(f"# {name} {found.version}\n")
    assert found.not_for_use.split(";")[0] in " ".join(text.split())
    assert len(text.encode()) < 80_000


def test_the_checklists_hold_no_unknown_field() -> None:
    for name in ("tripod_ai", "chai", "eu_ai_act"):
        text = files("tumorcast_training.cards").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        for row in yaml.safe_load(text):
            for cell in row:
                assert set(re.findall(r"{(\w*)}", cell)) <= {"name", "version"}


def test_the_card_of_the_simulated_model_is_what_is_shipped() -> None:
    metrics = json.loads((SIMULATED / "metrics.json").read_text(encoding="utf-8"))
    shipped = (SIMULATED / "card.md").read_text(encoding="utf-8")
    assert simulated_card(PrognosisModel.load(SIMULATED), metrics) == shipped
