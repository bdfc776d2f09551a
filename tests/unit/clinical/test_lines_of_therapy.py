"""Lines of therapy: numbers and starts that were counted by hand, and laws that hold for any record."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import INDEX, RXNORM, Resource, bundle, codes, concept, features, medication, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.derived.lines import current_line_start
from tumorcast_clinical.model.readers import Context
from tumorcast_clinical.model.readers.medications import read_medication
from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark
from tumorcast_clinical.model.terms.systems import NCI_THESAURUS
from tumorcast_core.dates import read_date

TODAY = date.fromisoformat(INDEX)
LINE_OF_THERAPY = concept(NCI_THESAURUS, "C133518")


def given_on(*drugs_and_days: tuple[str, int]) -> list[Resource]:
    """Administrations of drugs, so many days before the index date."""
    return [
        medication(
            "MedicationAdministration",
            f"a{i}",
            medicationCodeableConcept=concept("", "", text=drug),
            effectiveDateTime=(TODAY - timedelta(days=days)).isoformat(),
        )
        for i, (drug, days) in enumerate(drugs_and_days)
    ]


def taken(drug: str, start: int, end: int | None = None, status: str = "active", id_: str = "s1") -> Resource:
    """A statement of a drug, from so many days before the index date until so many."""
    period = {"start": (TODAY - timedelta(days=start)).isoformat()}
    if end is not None:
        period["end"] = (TODAY - timedelta(days=end)).isoformat()
    said = concept("", "", text=drug)
    more = {"medicationCodeableConcept": said, "effectiveDateTime": None, "effectivePeriod": period, "status": status}
    return medication("MedicationStatement", f"{id_}-{drug}", **more)


def line(*resources: Resource) -> tuple[float | None, float | None]:
    """The derived number of the line, and days since it began."""
    data = bundle(*resources)
    number, start = features(data, "line_of_therapy"), features(data, "systemic_therapy_start")
    return (number[0].value if number else None, start[0].value if start else None)


@pytest.mark.parametrize(
    ("resources", "number", "days"),
    [
        (given_on(("carboplatin", 20)), 1, 20),
        (given_on(("carboplatin", 60), ("carboplatin", 39), ("carboplatin", 18)), 1, 60),
        (given_on(("carboplatin", 60), ("pemetrexed", 60), ("pembrolizumab", 60)), 1, 60),
        (given_on(("carboplatin", 60), ("pembrolizumab", 32)), 1, 60),
        (given_on(("carboplatin", 60), ("pembrolizumab", 31)), 2, 31),
        (given_on(("carboplatin", 100), ("docetaxel", 50), ("docetaxel", 29)), 2, 50),
        (given_on(("carboplatin", 200), ("docetaxel", 150), ("gemcitabine", 100)), 3, 100),
        (given_on(("carboplatin", 200), ("carboplatin", 80)), 1, 200),
        (given_on(("carboplatin", 200), ("carboplatin", 79)), 2, 79),
        (given_on(("cisplatin", 60), ("carboplatin", 20)), 1, 60),
        (given_on(("paclitaxel", 60), ("nab-paclitaxel", 20)), 1, 60),
        (given_on(("trastuzumab", 60), ("trastuzumab-dkst", 20)), 1, 60),
        (given_on(("carboplatin", 90), ("pemetrexed", 90), ("pemetrexed", 69), ("pemetrexed", 20)), 1, 90),
        (given_on(("oxaliplatin", 90), ("bevacizumab", 90), ("bevacizumab", 40), ("irinotecan", 40),
                  ("bevacizumab", 5)), 2, 40),
        (given_on(("carboplatin", 60), ("ondansetron", 30), ("dexamethasone", 20)), 1, 60),
        (given_on(("carboplatin", 120)), 1, 120),
        (given_on(("carboplatin", 121)), None, None),
        ([taken("osimertinib", 400)], 1, 400),
        ([taken("osimertinib", 400), *given_on(("carboplatin", 30))], 2, 30),
        ([taken("letrozole", 500), taken("palbociclib", 490)], 1, 500),
        ([taken("letrozole", 500), taken("palbociclib", 400)], 2, 400),
        ([taken("letrozole", 500, 100, "completed"), taken("fulvestrant", 90)], 2, 90),
        ([*given_on(("docetaxel", 200), ("docetaxel", 100)), taken("letrozole", 90)], 1, 200),
        ([*given_on(("docetaxel", 300), ("docetaxel", 250)), taken("letrozole", 90)], 2, 90),
        ([taken("abemaciclib", 300, 150, "stopped"), taken("alpelisib", 140)], 2, 140),
        ([taken("imatinib", 50, 40, "not-taken")], None, None),
        ([taken("imatinib", 50, 40, "unknown")], None, None),
        ([], None, None),
    ],
)  # fmt: skip
def test_the_number_and_the_start_of_the_current_line_follow_the_rule(resources, number, days):
    assert line(*resources) == (number, days)


def test_a_line_names_its_sources_formula_and_start():
    (feature,) = features(bundle(*given_on(("carboplatin", 100), ("docetaxel", 50))), "line_of_therapy")
    assert feature.sources == ("MedicationAdministration/a0", "MedicationAdministration/a1")
    assert "Meng" in feature.formula
    assert feature.effective == "2026-02-06"
    assert feature.source == ""


def test_a_line_names_the_first_course_of_each_of_its_drugs():
    weekly = given_on(*(("paclitaxel", days) for days in (28, 21, 14, 7)), ("carboplatin", 21))
    (feature,) = features(bundle(*weekly), "line_of_therapy")
    assert feature.sources == ("MedicationAdministration/a0", "MedicationAdministration/a4")


def test_a_line_of_orders_alone_is_marked():
    (feature,) = features(bundle(medication()), "line_of_therapy")
    assert feature.status == "ordered"
    (feature,) = features(bundle(*given_on(("oxaliplatin", 36))), "line_of_therapy")
    assert feature.status == ""


@pytest.mark.parametrize(
    ("written", "number", "days"), [("2026-02", 1, None), ("2026-02-20", 1, 36), ("2025", None, None)]
)
def test_a_start_known_to_the_month_places_a_line_and_a_year_does_not(written, number, days):
    resource = medication("MedicationStatement", effectiveDateTime=written)
    assert line(resource) == (number, days)
    assert ("NOT_DERIVED" in codes(bundle(resource))) is False


def test_a_drug_without_a_start_leaves_the_number_open():
    undated = medication("MedicationStatement", "s1", rxnorm="282388", effectiveDateTime=None, status="stopped")
    data = bundle(*given_on(("carboplatin", 30)), undated)
    assert features(data, "line_of_therapy") == []
    assert "NOT_DERIVED" in codes(data)
    assert [f.value for f in features(data, "systemic_therapy_start")] == [30]


def test_a_drug_that_another_resource_dates_may_lack_its_start():
    undated = medication("MedicationStatement", "s1", rxnorm="40048", effectiveDateTime=None)
    assert line(*given_on(("carboplatin", 30)), undated) == (1, 30)


# --- prior therapy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "prior", "sources"),
    [
        ([], False, ()),
        (given_on(("carboplatin", 20)), False, ()),
        (given_on(("carboplatin", 100), ("docetaxel", 20)), True, ("MedicationAdministration/a0",)),
        (given_on(("carboplatin", 200)), True, ("MedicationAdministration/a0",)),
        ([taken("imatinib", 90, 60, "stopped")], True, ("MedicationStatement/s1-imatinib",)),
        ([medication()], False, ()),
        ([medication(status="cancelled")], False, ()),
        ([medication(status="stopped")], True, ("MedicationRequest/m1",)),
    ],
)
def test_prior_therapy_is_present_if_the_record_shows_it_and_never_absent(resources, prior, sources):
    found = features(bundle(*resources), "prior_systemic_therapy")
    assert [f.value for f in found] == (["present"] if prior else [])
    assert [f.sources for f in found] == ([sources] if prior else [])


# --- what an Observation states --------------------------------------------------------------------------------------


def stated(number: int, days: int | None) -> Resource:
    when = (TODAY - timedelta(days=days)).isoformat() if days is not None else None
    return observation("lot", code=LINE_OF_THERAPY, valueInteger=number, effectiveDateTime=when)


@pytest.mark.parametrize(
    ("resources", "expected", "issues"),
    [
        ([stated(1, 10), *given_on(("carboplatin", 30))], [1], []),
        ([stated(3, 10), *given_on(("carboplatin", 30))], [3], ["SEVERAL_VALUES"]),
        ([stated(1, 10), *given_on(("carboplatin", 90), ("docetaxel", 30))], [1], ["SEVERAL_VALUES"]),
        ([stated(2, 60), *given_on(("carboplatin", 90), ("docetaxel", 30))], [2, 3], []),
        ([stated(2, 30)], [2], []),
    ],
)
def test_a_stated_line_counts_and_later_ones_count_on_from_it(resources, expected, issues):
    data = bundle(*resources)
    assert sorted(f.value for f in features(data, "line_of_therapy")) == expected
    assert [code for code in codes(data) if code != "THERAPY_NOT_CURRENT"] == issues


def test_a_line_that_counts_on_from_a_stated_one_names_it_as_a_source():
    data = bundle(stated(2, 60), *given_on(("carboplatin", 90), ("docetaxel", 30)))
    (derived,) = (f for f in features(data, "line_of_therapy") if f.formula)
    assert derived.sources == ("MedicationAdministration/a1", "Observation/lot")


def test_the_line_has_the_code_of_the_nci_thesaurus():
    (feature,) = features(bundle(stated(2, 30)), "line_of_therapy")
    assert (feature.coding.system, feature.coding.code) == (NCI_THESAURUS, "C133518")


def test_a_hearing_threshold_is_no_line_of_therapy():
    hearing = observation("o1", "91379-8", valueInteger=15)
    assert features(bundle(hearing), "line_of_therapy") == []
    assert codes(bundle(hearing)) == ["UNMAPPED_CODE"]


# --- laws ------------------------------------------------------------------------------------------------------------

DRUGS = st.sampled_from(["carboplatin", "docetaxel", "pembrolizumab", "letrozole", "imatinib"])
RECORDS = st.lists(st.tuples(DRUGS, st.integers(0, 700)), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_a_record_does_not_matter(treatments, random):
    resources = given_on(*treatments)
    shuffled = random.sample(resources, len(resources))
    assert extract_features(bundle(*resources), INDEX).features == extract_features(bundle(*shuffled), INDEX).features


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_a_current_line_is_one_of_as_many_as_there_are_treatments(treatments):
    number, days = line(*given_on(*treatments))
    assert (number is None) == (days is None) == (min(day for _, day in treatments) > 120)
    if number is not None:
        assert 1 <= number <= len(treatments)
        assert days in {day for _, day in treatments}


@settings(max_examples=60, deadline=None)
@given(RECORDS, st.integers(0, 700))
def test_a_supportive_drug_changes_no_line(treatments, day):
    assert line(*given_on(*treatments)) == line(*given_on(*treatments, ("ondansetron", day)))


def test_current_line_start_is_what_trends_ask_for():
    context = Context(Landmark.at(INDEX), Report())
    assert current_line_start(context, read_date(INDEX)) is None
    read_medication(Entry(medication("MedicationAdministration", rxnorm="40048"), "e"), context)
    start = current_line_start(context, read_date(INDEX))
    assert start is not None
    assert start.text == "2026-02-20"
    assert current_line_start(context, read_date("2026-10-01")) is None
    assert current_line_start(context, None) is None


def test_an_undated_current_drug_leaves_the_start_open():
    undated = medication("MedicationStatement", "s1", rxnorm="282388", effectiveDateTime=None)
    data = bundle(*given_on(("carboplatin", 30)), undated)
    assert features(data, "systemic_therapy_start") == []


def test_orders_in_the_rxnorm_system_make_lines_too():
    orders = [medication(id_="m1", rxnorm="40048", authoredOn="2025-12-01", status="completed"),
              medication(id_="m2", medicationCodeableConcept=concept(RXNORM, "1", "docetaxel 20 MG/ML"))]  # fmt: skip
    assert line(*orders) == (2, 36)
