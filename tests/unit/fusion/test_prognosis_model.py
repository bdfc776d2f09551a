"""A model answers from any subset of its inputs, and says what it did with each."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from support.fusion import MANIFEST, full_snapshot, write_tiny_model
from tumorcast_core.errors import HorizonOutOfRange
from tumorcast_core.prognosis import EndpointStatus, InputStatus, ProbabilityEstimate, Prognosis, SurvivalEstimate
from tumorcast_core.snapshot import Embedding, Feature, Issue, Modality, PatientSnapshot, PlannedTherapy, Severity
from tumorcast_fusion.model import ModelStore, PrognosisModel

GROUPS = tuple(group.id for group in MANIFEST.groups)
PROPER_SUBSETS = [frozenset(c) for k in range(len(GROUPS)) for c in combinations(GROUPS, k)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PrognosisModel:
    return ModelStore(write_tiny_model(tmp_path_factory.mktemp("models"))).get("tiny")


def response(prognosis: Prognosis) -> ProbabilityEstimate:
    estimate = prognosis.endpoints[0].estimate
    assert isinstance(estimate, ProbabilityEstimate)
    return estimate


def survival(prognosis: Prognosis) -> SurvivalEstimate:
    estimate = prognosis.endpoints[1].estimate
    assert isinstance(estimate, SurvivalEstimate)
    return estimate


@pytest.mark.parametrize("without", PROPER_SUBSETS, ids=lambda s: "-".join(sorted(s)) or "nothing")
def test_any_subset_is_answered_and_reported(model: PrognosisModel, without: frozenset[str]) -> None:
    prognosis = model.predict(full_snapshot(without=without))
    assert {i.group for i in prognosis.inputs if i.status is InputStatus.USED} == set(GROUPS) - without
    missing = [i for i in prognosis.inputs if i.group in without]
    assert all(i.reason and i.reason.code == "NOT_PROVIDED" and not i.contributions for i in missing)
    p = response(prognosis)
    assert 0 <= p.interval.lower <= p.probability <= p.interval.upper <= 1
    assert set(p.prediction_set) <= {"no", "yes"}
    assert p.prediction_set
    assert (p.clinical_baseline is None) == ("clinical" in without)
    points = survival(prognosis).points
    assert all(0 <= x.interval.lower <= x.survival <= x.interval.upper <= 1 for x in points)
    assert points[0].survival >= points[1].survival


def test_contributions_and_the_empty_answer_add_up(model: PrognosisModel) -> None:
    prognosis = model.predict(full_snapshot())
    nothing = model.engine.ensemble.predict(np.zeros((1, _width(model)), np.float32), np.zeros((1, 4), dtype=bool))
    worth = sum(i.contributions[0].value for i in prognosis.inputs)
    assert worth + nothing.response[0, 0] == pytest.approx(response(prognosis).probability, abs=1e-6)
    of_times = [c for i in prognosis.inputs for c in i.contributions if c.endpoint_id == "pfs"]
    assert {c.horizon_days for c in of_times} == {56.0, 112.0}


def _width(model: PrognosisModel) -> int:
    return model.engine.ensemble.members[0].slices[-1].stop


def test_the_baseline_is_the_answer_from_clinical_inputs_alone(model: PrognosisModel) -> None:
    alone = model.predict(full_snapshot(without=frozenset({"ct", "labs", "notes"})))
    assert response(model.predict(full_snapshot())).clinical_baseline == pytest.approx(response(alone).probability)


def test_nothing_usable_is_an_abstention_not_a_low_risk(model: PrognosisModel) -> None:
    prognosis = model.predict(PatientSnapshot())
    assert [e.status for e in prognosis.endpoints] == [EndpointStatus.ABSTAINED] * 2
    assert all(e.estimate is None and e.reasons[0].code == "NO_USABLE_INPUT" for e in prognosis.endpoints)


def test_horizons_asked_for_are_answered_sorted(model: PrognosisModel) -> None:
    points = survival(model.predict(full_snapshot(), (100.0, 20.0, 20.0))).points
    assert [x.horizon_days for x in points] == [20.0, 100.0]


@pytest.mark.parametrize("horizon", [0.0, -1.0, 169.0, float("nan"), float("inf")])
def test_a_horizon_beyond_follow_up_is_refused(model: PrognosisModel, horizon: float) -> None:
    with pytest.raises(HorizonOutOfRange):
        model.predict(full_snapshot(), (horizon,))


def test_an_implausible_value_is_an_issue_and_not_a_number(model: PrognosisModel) -> None:
    wrong = replace(full_snapshot(), features=(Feature("albumin", 38.0, "g/dL", source="Observation/a"),))
    prognosis = model.predict(wrong)
    assert prognosis.issues[0].code == "IMPLAUSIBLE_VALUE"
    assert _status(prognosis, "labs") is InputStatus.REJECTED


def test_an_unknown_embedding_space_rejects_the_group(model: PrognosisModel) -> None:
    other = Embedding("other@1/bf16", np.zeros(4, np.float32), Modality.IMAGING, "baseline", "CT")
    prognosis = model.predict(replace(full_snapshot(), embeddings=(other,)))
    use = next(i for i in prognosis.inputs if i.group == "ct")
    assert use.status is InputStatus.REJECTED
    assert use.reason is not None
    assert use.reason.code == "UNKNOWN_EMBEDDING_SPACE"


def test_an_embedding_of_the_wrong_length_is_not_used(model: PrognosisModel) -> None:
    short = replace(full_snapshot().embeddings[0], vector=np.zeros(3, np.float32))
    assert _status(model.predict(replace(full_snapshot(), embeddings=(short,))), "ct") is InputStatus.REJECTED


def test_a_value_outside_the_training_range_is_used_with_a_warning(model: PrognosisModel) -> None:
    snapshot = replace(full_snapshot(), features=(Feature("albumin", 6.5, "g/dL"),))
    prognosis = model.predict(snapshot)
    assert prognosis.issues[0].code == "OUTSIDE_TRAINING_RANGE"
    assert prognosis.issues[0].severity is Severity.WARNING
    assert _status(prognosis, "labs") is InputStatus.USED


def test_a_bound_is_used_with_a_warning(model: PrognosisModel) -> None:
    snapshot = replace(full_snapshot(), features=(Feature("albumin", 3.0, "g/dL", comparator="<"),))
    prognosis = model.predict(snapshot)
    assert [issue.code for issue in prognosis.issues] == ["BOUND_USED_AS_VALUE"]
    assert _status(prognosis, "labs") is InputStatus.USED


def test_planned_therapies_are_said_to_change_nothing(model: PrognosisModel) -> None:
    planned = replace(full_snapshot(), planned_therapies=(PlannedTherapy(therapy_class="immunotherapy"),))
    prognosis = model.predict(planned)
    assert [issue.code for issue in prognosis.issues] == ["PLANNED_THERAPIES_NOT_READ"]
    assert prognosis.endpoints == model.predict(full_snapshot()).endpoints


@pytest.mark.parametrize(
    ("issue", "group", "status"),
    [
        (Issue(Severity.ERROR, "SERVICE_UNAVAILABLE", "Down.", origin="notes"), "notes", InputStatus.ABSENT),
        (Issue(Severity.ERROR, "DEADLINE_EXCEEDED", "Late.", origin="clinical"), "labs", InputStatus.ABSENT),
        (Issue(Severity.FATAL, "MALFORMED_FHIR", "Broken.", origin="clinical"), "labs", InputStatus.REJECTED),
        (
            Issue(Severity.ERROR, "SEGMENTATION_MISSING", "None.", "1.2.3", "imaging", "baseline"),
            "ct",
            InputStatus.REJECTED,
        ),
    ],
)
def test_a_missing_group_says_why(model: PrognosisModel, issue: Issue, group: str, status: InputStatus) -> None:
    snapshot = replace(full_snapshot(without=frozenset({group})), issues=(issue,))
    use = next(i for i in model.predict(snapshot).inputs if i.group == group)
    assert use.status is status
    assert use.reason is not None
    assert use.reason.code == issue.code


def test_an_issue_of_another_timepoint_or_service_explains_nothing(model: PrognosisModel) -> None:
    issues = (
        Issue(Severity.ERROR, "SEGMENTATION_MISSING", "None.", "1.2.3", "imaging", "follow_up"),
        Issue(Severity.ERROR, "SERVICE_UNAVAILABLE", "Down.", origin="notes"),
    )
    snapshot = replace(full_snapshot(without=frozenset({"ct"})), issues=issues)
    use = next(i for i in model.predict(snapshot).inputs if i.group == "ct")
    assert use.reason is not None
    assert use.reason.code == "NOT_PROVIDED"


def _status(prognosis: Prognosis, group: str) -> InputStatus:
    return next(i.status for i in prognosis.inputs if i.group == group)
