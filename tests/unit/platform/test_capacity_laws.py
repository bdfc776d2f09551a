"""What must hold of every simulated day, whatever stands there and whatever comes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.settings import Settings
from tumorcast_platform.capacity import (
    DAY_S,
    FLAT,
    Batching,
    Demand,
    Duration,
    Layout,
    Planner,
    Scaling,
    Times,
    load,
    shipped,
    simulate,
)
from tumorcast_platform.capacity.replicas import Query
from tumorcast_platform.capacity.simulation import Simulation

SLOW = Times(
    name="test",
    machine="none",
    source="none",
    measured=False,
    fetch=Duration(mean_ms=20, cv=1),
    prepare=Duration(mean_ms=50, cv=0.5),
    contention=0.5,
    crops_per_study=2.5,
    hop_ms=3,
    pass_ms=120,
    pass_crops=4,
    answer_ms=2,
)
LAYOUTS = st.builds(
    Layout,
    ingress=st.one_of(st.integers(1, 3), st.builds(Scaling, st.just(1), st.integers(1, 3), st.floats(1, 8))),
    encoders=st.one_of(
        st.integers(1, 3),
        st.builds(
            Scaling, st.just(1), st.integers(1, 4), st.floats(1, 8), start_s=st.floats(0, 20), node_s=st.just(5.0)
        ),
    ),
    studies_at_once=st.integers(1, 4),
    max_concurrent_calls=st.integers(1, 16),
    max_queued_calls=st.integers(0, 8),
    max_ongoing_crops=st.integers(1, 32),
    max_queued_crops=st.integers(0, 16),
    batching=st.builds(Batching, st.sampled_from([110_592, 500_000, 1 << 21]), st.sampled_from([0.0, 0.002, 0.2])),
    deadline_s=st.sampled_from([0.3, 2.0, 30.0]),
)


@given(layout=LAYOUTS, per_s=st.floats(0.5, 60), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_who_came_was_answered_refused_or_late_and_nothing_is_left(layout: Layout, per_s: float, seed: int):
    studies = Demand(per_s * DAY_S, FLAT, batch_share=0.4, length_s=20).studies(SLOW, seed)
    simulation = Simulation(studies, SLOW, layout, seed)
    outcome = simulation.run()
    assert outcome.count("answered") + outcome.count("refused") + outcome.count("late") == len(studies)
    assert all(seat.ongoing == 0 for group in (simulation.ingress, simulation.encoders) for seat in group.seats)
    assert not simulation.ingress.waiting
    assert not simulation.encoders.waiting
    done = np.array([status == "answered" for status in outcome.statuses], bool)
    assert np.isfinite(outcome.latency_s[done]).all()
    least_s = np.array([one.fetch_s + one.prepare_s for one in studies])[done]
    assert (outcome.latency_s[done] >= least_s).all()
    assert (outcome.latency_s[done] <= layout.deadline_s + SLOW.answer_ms / 1000 + 1e-9).all()
    assert np.isinf(outcome.latency_s[~done]).all()


@given(layout=LAYOUTS, seed=st.integers(0, 99))
@settings(max_examples=20)
def test_the_same_day_twice_is_the_same(layout: Layout, seed: int):
    studies = Demand(5 * DAY_S, FLAT, length_s=10).studies(SLOW, seed)
    first, again = (simulate(studies, SLOW, layout, seed) for _ in range(2))
    assert first.statuses == again.statuses
    assert np.array_equal(first.latency_s, again.latency_s)


@pytest.mark.parametrize("per_s", [4, 12])
def test_more_encoders_never_make_it_slower_beyond_noise(per_s: float):
    days = [Demand(per_s * DAY_S, FLAT, batch_share=0.3, length_s=60).studies(SLOW, seed) for seed in range(5)]
    wide = Layout(ingress=4, ingress_cpus=4)

    def p95_s(encoders: int) -> float:
        layout = replace(wide, encoders=encoders)
        return float(np.mean([simulate(day, SLOW, layout, n).quantile_s(0.95) for n, day in enumerate(days)]))

    found = [p95_s(encoders) for encoders in (1, 2, 3, 4, 6, 8)]
    for fewer, more in itertools.pairwise(found):
        assert more <= 1.05 * fewer


def test_a_day_without_studies_takes_no_time_and_refuses_nobody():
    outcome = simulate(Demand(0).studies(SLOW, 1), SLOW, Layout(encoders=Scaling(1, 4, 8.0)))
    assert outcome.statuses == ()
    assert outcome.quantile_s(0.95) == 0
    assert outcome.encoder_busy_s == 0


def test_a_study_alone_takes_what_its_parts_take():
    machine = SLOW.model_copy(update={"fetch": Duration(mean_ms=20), "prepare": Duration(mean_ms=50), "cut_share": 0.5})
    one, *_ = Demand(DAY_S, FLAT, batch_share=0, length_s=60).studies(machine, 3)
    alone = replace(one, at_s=0.0, crops=2)
    outcome = simulate([alone], machine, Layout(batching=Batching(batch_wait_s=0.002)))
    # 20 ms of files, 25 ms until the crops are cut, 3 ms on their way, 2 ms for company, 120 ms for one pass
    assert outcome.latency_s == pytest.approx([0.020 + 0.025 + 0.003 + 0.002 + 0.120 + 0.002])


def test_an_autoscaled_group_grows_under_load_and_shrinks_after_it():
    scaling = Scaling(1, 6, target_ongoing_requests=2, downscale_delay_s=30, start_s=5, node_s=0)
    busy = Demand(20 * DAY_S, FLAT, batch_share=0, length_s=120).studies(SLOW, 1)
    last = replace(busy[-1], at_s=600.0)
    simulation = Simulation([*busy, last], SLOW, Layout(ingress=4, ingress_cpus=4, encoders=scaling))
    outcome = simulation.run()
    assert outcome.peak_encoders == 6
    assert sum(seat.open for seat in simulation.encoders.seats) == 1
    assert outcome.encoder_held_s < 6 * 600 * 0.5


def test_a_crop_whose_caller_has_gone_is_not_computed():
    machine = SLOW.model_copy(update={"prepare": Duration(mean_ms=0), "fetch": Duration(mean_ms=0), "pass_ms": 1000})
    studies = [
        replace(Demand(DAY_S, FLAT, length_s=5).studies(machine, 1)[0], at_s=0.0, prepare_s=0, fetch_s=0, crops=1)
    ]
    outcome = simulate(studies * 3, machine, Layout(deadline_s=1.5, batching=Batching(batch_voxels=110_592)))
    assert outcome.statuses == ("answered", "late", "late")
    assert outcome.encoder_busy_s == 2.0  # the third was dropped before its turn


def test_the_defaults_are_those_of_the_imaging_service(monkeypatch: pytest.MonkeyPatch):
    service, layout = Settings(), Layout()
    assert layout.studies_at_once == service.studies_at_once
    assert layout.max_concurrent_calls == service.max_concurrent_calls
    assert layout.max_queued_calls == service.max_queued_calls
    assert layout.max_queued_crops == service.max_queued_crops
    assert layout.batching.batch_voxels == service.batch_voxels
    for name in shipped():
        times = load(name)
        assert layout.ongoing_crops(times) == service.ongoing_crops(times.crop_voxels**3)


def test_a_plan_is_the_smallest_that_keeps_the_target():
    machine = load("gpu-l4-assumed").model_copy(update={"pass_ms": 900.0, "crops_per_study": 2.0})
    planner = Planner(Demand(20_000, length_s=5400), machine, Layout(), 2.5, days=4)
    plan = planner.plan(Scaling(1, 1, target_ongoing_requests=8))
    count = plan.fixed.layout.encoders
    assert isinstance(count, int)
    assert count > 1
    assert plan.fixed.p95_s.high < 2.5
    fewer = planner.tried(replace(plan.fixed.layout, encoders=count - 1))
    assert not (fewer.p95_s.high < 2.5 and fewer.refused.mean <= 0.001)
    assert plan.from_one is not None
    assert plan.from_one.encoder_hours.mean < plan.fixed.encoder_hours.mean
    if plan.scaled:
        assert plan.scaled.p95_s.high < 2.5


def test_a_target_below_what_one_study_takes_is_refused():
    with pytest.raises(InvalidInput, match="alone"):
        Planner(Demand(10), load("gpu-l4-assumed"), Layout(), 0.001, days=4).plan(Scaling(1, 1, 8.0))


@given(text=st.text(max_size=200))
def test_a_profile_of_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.mktemp("profile") / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput):
        load(str(path))


def test_a_query_that_was_not_answered_has_no_latency():
    assert Query(Demand(DAY_S, FLAT, length_s=5).studies(SLOW, 1)[0]).latency_s == float("inf")
