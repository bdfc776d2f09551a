"""The class of the checkpoint inhibitors of the current line of therapy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, Resource, bundle, features, medication
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.derived.checkpoint_inhibitors import TARGETS
from tumorcast_clinical.model.tables import read_table

NIVO, PEMBRO, ATEZO, IPI, OXALIPLATIN = "1597876", "1547545", "1792776", "1094833", "32592"
STATEMENT, DOSE = "MedicationStatement", "MedicationAdministration"
ATC = "http://www.whocc.no/atc"


def named(text: str, kind: str = STATEMENT, id_: str = "t", **more: Any) -> Resource:
    return medication(kind, id_, medicationCodeableConcept={"text": text}, **more)


def taken(rxnorm: str, begin: str, end: str = "", id_: str = "", **more: Any) -> Resource:
    period = {"start": begin} | ({"end": end} if end else {})
    return medication(STATEMENT, id_ or f"s{rxnorm}", rxnorm, effectiveDateTime=None, effectivePeriod=period, **more)


def dose(rxnorm: str, day: str) -> Resource:
    return medication(DOSE, f"d{rxnorm}-{day}", rxnorm, effectiveDateTime=day)


def inhibitors(*resources: Resource, index: str = INDEX) -> tuple[str, str] | None:
    found = features(bundle(*resources), "checkpoint_inhibitor_class", index)
    assert len(found) <= 1
    return (str(found[0].value), found[0].status) if found else None


PD, COMBINATION, CTLA_4 = ("pd_1_or_pd_l1", ""), ("combination", ""), ("ctla_4", "")


@pytest.mark.parametrize(
    ("drug", "expected"),
    [
        *((name, PD) for name in ("nivolumab", "pembrolizumab", "cemiplimab", "dostarlimab", "tislelizumab")),
        *((name, PD) for name in ("atezolizumab", "avelumab", "durvalumab", "Keytruda", "Imfinzi", "sintilimab")),
        ("ipilimumab", CTLA_4),
        ("tremelimumab", CTLA_4),
        ("ipi nivo", COMBINATION),
        ("nivolumab and relatlimab", None),
        ("relatlimab", None),
        ("blinatumomab", None),
        ("trastuzumab", None),
        ("interferon alfa", None),
    ],
)
def test_the_target_of_a_drug_gives_its_class(drug: str, expected: tuple[str, str] | None) -> None:
    assert inhibitors(named(drug)) == expected


@pytest.mark.parametrize(
    "code", ["L01FF01", "L01FF02", "L01FF03", "L01FF04", "L01FF05", "L01FF06", "L01FF07", "L01FF09"]
)
def test_every_drug_of_the_atc_group_of_pd_1_and_pd_l1_is_of_it(code: str) -> None:
    coded = {"coding": [{"system": ATC, "code": code}]}
    assert inhibitors(medication(STATEMENT, medicationCodeableConcept=coded)) == PD


def test_every_target_is_of_a_drug_in_the_table_of_immunotherapies() -> None:
    table = read_table("terms", "drugs", "immunotherapy.yaml")
    assert TARGETS.keys() <= table.keys()
    of_group = {name for name, entry in table.items() if any(c.startswith("L01FF") for c in entry.get("atc", ()))}
    assert {name for name in of_group if TARGETS.get(name) != "pd_1_or_pd_l1"} == set()


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([medication(rxnorm=PEMBRO)], ("pd_1_or_pd_l1", "ordered")),
        ([medication(rxnorm=PEMBRO), dose(PEMBRO, "2026-02-21")], PD),
        ([taken(NIVO, "2026-02-01"), medication(rxnorm=IPI)], ("combination", "ordered")),
        ([medication(rxnorm=PEMBRO), medication(id_="m2")], ("pd_1_or_pd_l1", "ordered")),  # with oxaliplatin
        ([taken(NIVO, "2025-06-01"), dose(IPI, "2025-06-01"), dose(IPI, "2025-08-03")], COMBINATION),
        ([taken(NIVO, "2025-06-01"), taken(IPI, "2025-06-01", "2025-08-03", status="stopped")], COMBINATION),
        ([taken(NIVO, "2026-02-20"), medication(rxnorm=IPI, status="stopped")], PD),  # an order that was not followed
        ([taken(IPI, "2025-01-01", "2025-03-01"), taken(PEMBRO, "2025-09-01")], PD),  # an earlier line
        ([taken(NIVO, "2025-09-01"), taken(IPI, "2026-01-10")], COMBINATION),  # added in a later line
        ([taken(NIVO, "2025-11-01", "2026-02-01", status="stopped")], None),
        ([taken(NIVO, "2025-11-01", "2026-02-01"), taken(OXALIPLATIN, "2026-03-01")], None),
        ([dose(NIVO, "2026-02-01")], None),  # 55 days before, of 42
        ([dose(NIVO, "2026-03-01")], PD),
        ([taken(NIVO, "2026-04-10")], None),  # after the index date
        ([taken(NIVO, "2026-02-01", "2026-05-01", status="stopped")], PD),  # stopped after the index date
        ([medication(rxnorm=NIVO, intent="plan")], None),
        ([medication(DOSE, "x", NIVO, status="not-done")], None),
        ([medication(rxnorm=NIVO, status="entered-in-error")], None),
        ([medication(STATEMENT, "u", PEMBRO, effectiveDateTime=None)], PD),  # without a date
    ],
)
def test_the_inhibitors_of_the_current_line_count(resources: list[Resource], expected: tuple[str, str] | None) -> None:
    assert {inhibitors(*resources), inhibitors(*resources[::-1])} == {expected}


def test_it_names_the_first_course_of_each_drug_and_when_it_became_true() -> None:
    doses = [dose(NIVO, "2026-02-01"), dose(NIVO, "2026-03-01"), dose(IPI, "2026-02-08"), dose(IPI, "2026-03-01")]
    (feature,) = features(bundle(*doses), "checkpoint_inhibitor_class")
    assert (feature.value, feature.effective) == ("combination", "2026-02-08")
    assert feature.sources == (
        f"MedicationAdministration/d{IPI}-2026-02-08",
        f"MedicationAdministration/d{NIVO}-2026-02-01",
    )
    assert feature.formula == "targets of the checkpoint inhibitors of the current line of therapy"


def test_inhibitors_of_no_known_class_are_told() -> None:
    issues = extract_features(bundle(named("Opdualag")), INDEX).issues
    assert [issue.code for issue in issues if "checkpoint_inhibitor_class" in issue.message] == ["NOT_DERIVED"]


def test_a_prior_therapy_is_told_beside_a_planned_inhibitor() -> None:
    record = bundle(taken(OXALIPLATIN, "2025-06-01", "2025-09-01", status="completed"), medication(rxnorm=PEMBRO))
    (prior,) = features(record, "prior_systemic_therapy")
    assert (prior.value, prior.sources) == ("present", (f"MedicationStatement/s{OXALIPLATIN}",))
    assert features(bundle(medication(rxnorm=PEMBRO)), "prior_systemic_therapy") == []


@given(st.lists(st.sampled_from([NIVO, PEMBRO, ATEZO, IPI, OXALIPLATIN]), min_size=1, max_size=4, unique=True))
def test_drugs_begun_together_are_of_the_class_of_their_targets(drugs: list[str]) -> None:
    targets = {"ctla_4" if drug == IPI else "pd_1_or_pd_l1" for drug in drugs if drug != OXALIPLATIN}
    found = inhibitors(*(taken(drug, "2026-03-01") for drug in drugs))
    expected = "combination" if len(targets) == 2 else next(iter(targets), None)
    assert (found[0] if found else None) == expected
