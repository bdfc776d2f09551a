"""A growth model answers as a prognosis model: dated sums of diameters in, a fan out, and why a scan was not used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_core.catalog import entry
from tumorcast_core.errors import HorizonOutOfRange, UnknownModel
from tumorcast_core.prognosis import EndpointKind, EndpointStatus, InputStatus, Prognosis, TrajectoryEstimate
from tumorcast_core.snapshot import Feature, PatientSnapshot
from tumorcast_core.wire import prognosis_from, prognosis_to
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.model.growth import forecast
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_fusion.model.store import SHIPPED, load_model

MODEL = ModelStore().get("colorectal-growth")
assert isinstance(MODEL, GrowthModel)
SUM = entry("sum_of_diameters")


def scan(day: str, sum_mm: float, **told: str) -> Feature:
    return SUM.make(sum_mm, effective=day, **told)


THREE = (scan("2026-01-01", 100), scan("2026-03-02", 70), scan("2026-05-01", 62))


def answered(*scans: Feature, index_date: str = "2026-05-01", horizons: tuple[float, ...] = ()) -> Prognosis:
    return MODEL.predict(PatientSnapshot(index_date=index_date, features=scans), horizons)


def fan(prognosis: Prognosis) -> TrajectoryEstimate:
    estimate = prognosis.endpoints[0].estimate
    assert isinstance(estimate, TrajectoryEstimate)
    return estimate


def codes(prognosis: Prognosis) -> list[str]:
    return [i.code for i in prognosis.issues]


def test_scans_are_past_points_and_horizons_coming_ones_with_both_bands() -> None:
    found = fan(answered(*THREE, horizons=(60.0, 120.0)))
    assert [p.day for p in found.points] == [-120, -60, 0, 60, 120]
    assert [p.value for p in found.points[:3]] == [100, 70, 62]
    assert [p.intervals for p in found.points[:3]] == [()] * 3
    for point in found.points[3:]:
        half, most = point.intervals
        assert (half.level, most.level) == (0.5, 0.9)
        assert 0 <= most.lower <= half.lower <= point.value <= half.upper <= most.upper
    assert found.growth_rate
    assert found.growth_rate.interval.lower <= found.growth_rate.per_day <= found.growth_rate.interval.upper
    assert {(c.criterion, c.day) for c in found.criteria} == {(c, d) for c in ("PD", "PR") for d in (60, 120)}
    assert all(0 <= c.probability <= 1 for c in found.criteria)


def test_the_numbers_are_the_forecasts() -> None:
    expected = forecast([-120, -60, 0], [100, 70, 62], (60.0, 120.0), MODEL.prior)
    found = fan(answered(*THREE, horizons=(120.0, 60.0, 60.0)))
    assert [p.value for p in found.points[3:]] == pytest.approx(expected.median_mm)
    assert [p.intervals[1].upper for p in found.points[3:]] == pytest.approx(expected.upper_90_mm)
    assert [c.probability for c in found.criteria if c.criterion == "PD"] == pytest.approx(
        expected.progression_probability
    )


def test_the_order_of_the_scans_does_not_matter() -> None:
    assert fan(answered(*THREE[::-1])) == fan(answered(*THREE))


def test_without_horizons_the_manifests_are_answered() -> None:
    assert [p.day for p in fan(answered(*THREE)).points[3:]] == list(MODEL.manifest.endpoints[0].horizons_days)


@pytest.mark.parametrize("days", [0.0, -1.0, 731.0, float("inf"), float("nan")])
def test_a_horizon_out_of_range_is_refused(days: float) -> None:
    with pytest.raises(HorizonOutOfRange):
        answered(*THREE, horizons=(days,))


def test_a_scan_after_the_index_date_is_not_used() -> None:
    prognosis = answered(*THREE, scan("2026-06-30", 200))
    assert fan(prognosis) == fan(answered(*THREE))
    assert codes(prognosis) == ["AFTER_INDEX_DATE"]
    assert prognosis.inputs[0].status is InputStatus.USED


def test_a_second_scan_of_a_day_is_not_used() -> None:
    prognosis = answered(*THREE, scan("2026-05-01", 90))
    assert fan(prognosis) == fan(answered(*THREE))
    assert codes(prognosis) == ["DUPLICATE_SCAN"]


def test_a_scan_without_a_day_is_not_used_beside_others_but_alone_it_is_the_last() -> None:
    prognosis = answered(*THREE, scan("", 90))
    assert fan(prognosis) == fan(answered(*THREE))
    assert codes(prognosis) == ["NO_DATE"]
    alone = answered(scan("", 90))
    assert fan(alone).points[0].value == 90
    assert [r.code for r in alone.endpoints[0].reasons] == ["ONE_SCAN"]


def test_without_an_index_date_days_count_from_the_last_scan() -> None:
    assert fan(answered(*THREE, index_date="")) == fan(answered(*THREE))


def test_a_later_index_date_moves_the_days_but_not_the_course() -> None:
    later = fan(answered(*THREE, index_date="2026-05-31", horizons=(30.0,)))
    assert [p.day for p in later.points] == [-150, -90, -30, 30]
    assert later.points[-1].value == pytest.approx(fan(answered(*THREE, horizons=(60.0,))).points[-1].value, rel=0.02)


def test_progression_that_was_seen_is_told() -> None:
    prognosis = answered(scan("2026-01-01", 50), scan("2026-05-01", 90))
    assert [r.code for r in prognosis.endpoints[0].reasons] == ["PROGRESSION_SEEN"]


@pytest.mark.parametrize(
    ("scans", "status"),
    [
        ((), InputStatus.ABSENT),
        ((scan("2026-06-30", 80),), InputStatus.ABSENT),
        ((replace(THREE[0], unit="cm"),), InputStatus.REJECTED),
        ((replace(THREE[0], value=None),), InputStatus.ABSENT),
        ((replace(THREE[0], value=None, effective=""),), InputStatus.ABSENT),
    ],
)
def test_without_a_usable_scan_it_abstains_and_says_so(scans: tuple[Feature, ...], status: InputStatus) -> None:
    prognosis = answered(*scans)
    assert prognosis.endpoints[0].status is EndpointStatus.ABSTAINED
    assert [r.code for r in prognosis.endpoints[0].reasons] == ["NO_USABLE_INPUT"]
    assert prognosis.endpoints[0].kind is EndpointKind.TRAJECTORY
    assert prognosis.endpoints[0].estimate is None
    assert prognosis.inputs[0].status is status


def test_issues_name_no_value_and_no_day() -> None:
    prognosis = answered(*THREE, scan("2026-06-30", 77), scan("", 88), replace(THREE[0], unit="cm"))
    assert len(prognosis.issues) == 3
    for issue in prognosis.issues:
        assert not any(text in issue.message for text in ("77", "88", "2026", "100"))


def test_the_answer_survives_the_wire_and_the_summary_says_the_input() -> None:
    prognosis = answered(*THREE)
    assert prognosis_from(prognosis_to(prognosis)) == prognosis
    assert [i.name for i in MODEL.summary().inputs] == ["sum_of_diameters"]


def test_a_sum_that_is_known_to_be_unknown_is_not_zero() -> None:
    unknown = replace(THREE[1], value=None)
    assert fan(answered(THREE[0], unknown, THREE[2])) == fan(answered(THREE[0], THREE[2]))
    assert fan(answered(scan("", 90), unknown)) == fan(answered(scan("", 90)))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 700), st.floats(0, 500)), max_size=6, unique_by=lambda pair: pair[0]))
def test_any_course_is_answered_or_abstained_from(course: list[tuple[int, float]]) -> None:
    days = np.datetime64("2024-01-01") + np.array([day for day, _ in course], dtype="timedelta64[D]")
    scans = [scan(str(day), round(value, 1)) for day, (_, value) in zip(days, course, strict=True)]
    prognosis = answered(*scans)
    if prognosis.endpoints[0].status is EndpointStatus.PREDICTED:
        assert all(np.isfinite(p.value) for p in fan(prognosis).points)
    else:
        assert prognosis.endpoints[0].reasons


@pytest.mark.parametrize("content", [None, b"junk", b"form: growth-kill", b"a: [", b"\xff\xfe"])
def test_a_broken_prior_is_an_unknown_model(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "manifest.yaml").write_bytes((SHIPPED / "colorectal-growth" / "manifest.yaml").read_bytes())
    if content is not None:
        (tmp_path / "prior.yaml").write_bytes(content)
    with pytest.raises(UnknownModel):
        load_model(tmp_path)
