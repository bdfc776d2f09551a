"""The simulation's autoscaler decides as Ray Serve's own code does, called with the same numbers."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_platform.capacity import Scaling
from tumorcast_platform.capacity.autoscaling import Decider, LookBack

ray_policy = pytest.importorskip("ray.serve.autoscaling_policy")


class RayServe:
    """Ray Serve's default policy with its delays and bounds, and what its controller keeps between two decisions."""

    def __init__(self, scaling: Scaling) -> None:
        from ray.serve.config import AutoscalingConfig

        self._config = AutoscalingConfig(
            min_replicas=scaling.min_replicas,
            max_replicas=scaling.max_replicas,
            target_ongoing_requests=scaling.target_ongoing_requests,
            upscale_delay_s=scaling.upscale_delay_s,
            downscale_delay_s=scaling.downscale_delay_s,
        )
        self._decide = ray_policy._apply_autoscaling_config(ray_policy.default_autoscaling_policy)
        self._state: dict[str, object] = {}

    def decide(self, now_s: float, ongoing: float, running: int, target: int) -> int:
        from ray.serve.config import AutoscalingContext

        context = AutoscalingContext(
            deployment_id=None,
            deployment_name="encoder",
            app_name="imaging",
            current_num_replicas=running,
            target_num_replicas=target,
            running_replicas=[],
            total_num_requests=ongoing,
            total_queued_requests=0,
            aggregated_metrics=None,
            raw_metrics=None,
            capacity_adjusted_min_replicas=self._config.min_replicas,
            capacity_adjusted_max_replicas=self._config.max_replicas,
            policy_state=self._state,
            last_scale_up_time=None,
            last_scale_down_time=None,
            current_time=now_s,
            config=self._config,
        )
        with patch.object(ray_policy.time, "time", lambda: now_s):
            decided, self._state = self._decide(context)
        return max(self._config.min_replicas, min(self._config.max_replicas, int(decided)))


STEPS = st.lists(
    st.tuples(
        st.floats(0.05, 40),  # seconds since the last decision
        st.floats(0, 200),  # running and waiting
        st.integers(0, 3),  # replicas that were ordered and are not there yet
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60)
@given(
    steps=STEPS,
    low=st.integers(1, 3),
    span=st.integers(0, 12),
    target=st.floats(0.5, 20),
    up_s=st.sampled_from([0.0, 10.0, 30.0]),
    down_s=st.sampled_from([0.0, 60.0, 600.0]),
)
def test_it_decides_as_ray_serve_does(
    steps: list[tuple[float, float, int]], low: int, span: int, target: float, up_s: float, down_s: float
):
    scaling = Scaling(low, low + span, target, upscale_delay_s=up_s, downscale_delay_s=down_s)
    ours, theirs = Decider(scaling), RayServe(scaling)
    now_s, wanted = 1000.0, low
    for passed_s, ongoing, missing in steps:
        now_s += passed_s
        running = max(0, wanted - missing)
        decided = theirs.decide(now_s, ongoing, running, wanted)
        assert ours.decide(now_s, ongoing, running, wanted) == decided
        wanted = decided


def test_a_burst_shorter_than_the_delay_adds_nothing():
    decider = Decider(Scaling(1, 8, target_ongoing_requests=2, upscale_delay_s=10))
    assert [decider.decide(at, 16, 1, 1) for at in (0, 5, 9)] == [1, 1, 1]
    assert decider.decide(10, 2, 1, 1) == 1  # it has gone: the delay begins anew
    assert [decider.decide(at, 16, 1, 1) for at in (11, 20, 21)] == [1, 1, 8]


def test_what_is_seen_is_the_mean_of_the_time_looked_back_on():
    seen = LookBack(10)
    seen.changed(0, 4)
    assert seen.mean(5) == pytest.approx(4)
    assert seen.mean(30) == pytest.approx(4)
    seen.changed(30, 0)
    assert seen.mean(35) == pytest.approx(2)
    seen.changed(38, 1)
    assert seen.mean(40) == pytest.approx(0.2)
    assert seen.mean(60) == pytest.approx(1)


def test_the_defaults_are_those_of_the_imaging_service():
    from tumorcast_imaging.settings import Scaling as Settings

    theirs = Settings(max_replicas=4, target_ongoing=8)
    ours = Scaling(1, 4, target_ongoing_requests=8)
    assert (ours.upscale_delay_s, ours.downscale_delay_s) == (theirs.upscale_delay_s, theirs.downscale_delay_s)


def test_what_the_service_does_not_say_is_ray_serves_own_default():
    from ray.serve.config import AutoscalingConfig

    ours, theirs = Scaling(1, 4, target_ongoing_requests=8), AutoscalingConfig()
    assert (ours.look_back_period_s, ours.metrics_interval_s) == (theirs.look_back_period_s, theirs.metrics_interval_s)
