"""Ray Serve's rule for how many replicas a deployment has, as ``ray.serve.autoscaling_policy`` 2.60 applies it.

``tests/unit/platform/test_capacity_autoscaling.py`` holds it to Ray's own code.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

_SLACK_S = 1e-6


@dataclass(frozen=True, slots=True)
class Scaling:
    """Bounds and pace; the names are Ray Serve's.

    ``start_s``: from the order of a replica until it answers, on a node that is there (schedule, pull, load, warm up).
    ``node_s``: what a node takes to come besides, for replicas beyond ``warm`` ones.
    """

    min_replicas: int
    max_replicas: int
    target_ongoing_requests: float
    upscale_delay_s: float = 10.0
    downscale_delay_s: float = 300.0
    look_back_period_s: float = 30.0
    metrics_interval_s: float = 10.0
    start_s: float = 60.0
    node_s: float = 240.0
    warm: int = 0


@dataclass
class Decider:
    """What Ray Serve's controller remembers between two decisions."""

    scaling: Scaling
    _direction: int = 0
    _since_s: float | None = None

    def decide(self, now_s: float, ongoing: float, running: int, target: int) -> int:
        """How many replicas there should be, of which ``running`` answer and ``target`` were wanted so far.

        >>> Decider(Scaling(1, 8, target_ongoing_requests=2, upscale_delay_s=0)).decide(0, 7, running=1, target=1)
        4
        """
        if running == 0:  # nothing to compare with: as many as were wanted, and one where somebody waits
            return self._bounded(max(target, 1) if ongoing > 0 else target)
        wanted = self._wanted(ongoing, running)
        decided = target
        if wanted == target:
            self._direction, self._since_s = 0, None
        else:
            direction = 1 if wanted > target else -1
            if self._since_s is None or direction != self._direction:
                self._direction, self._since_s = direction, now_s
            scaling = self.scaling
            delay_s = scaling.upscale_delay_s if direction > 0 else scaling.downscale_delay_s
            if now_s - self._since_s + _SLACK_S >= delay_s:
                self._direction, self._since_s = 0, None
                decided = wanted if direction > 0 or target == 1 else max(1, wanted)
        return self._bounded(decided)

    def _bounded(self, replicas: int) -> int:
        return max(self.scaling.min_replicas, min(self.scaling.max_replicas, replicas))

    def _wanted(self, ongoing: float, running: int) -> int:
        ratio = ongoing / (self.scaling.target_ongoing_requests * running)
        return max(0, math.ceil(running + 1.0 * (running * ratio - running)))


@dataclass
class LookBack:
    """Mean of a number that changes in steps, over the last seconds; as of the last report."""

    period_s: float
    _steps: deque[tuple[float, float]] = field(default_factory=lambda: deque([(0.0, 0.0)]))

    def changed(self, now_s: float, value: float) -> None:
        """Say what the number is from now on."""
        if self._steps[-1][0] == now_s:
            self._steps[-1] = (now_s, value)
        else:
            self._steps.append((now_s, value))

    def mean(self, now_s: float) -> float:
        """Mean over the period that ends now.

        >>> one = LookBack(10); one.changed(5, 4); one.mean(10)
        2.0
        """
        start = max(0.0, now_s - self.period_s)
        while len(self._steps) > 1 and self._steps[1][0] <= start:
            self._steps.popleft()
        if now_s <= start:
            return self._steps[-1][1]
        ends = [at for at, _ in list(self._steps)[1:]] + [now_s]
        area = sum(
            value * (end - max(at, start)) for (at, value), end in zip(self._steps, ends, strict=True) if end > start
        )
        return area / (now_s - start)
