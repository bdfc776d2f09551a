"""Sums over pairs of answers that can be added up over replicas: means, spread, correlation, order, quantiles.

Means and co-moments are kept as by Welford, and put together as by Chan, Golub and LeVeque (The American Statistician
1983), so that nothing cancels. Rank agreement is Kendall's tau over successive patients: whether both versions order
the two alike; patients come independently of one another, so the share is an unbiased one of all pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from tumorcast_core.prognosis import Endpoint, ModelRef
from tumorcast_fusion.model.shadow.answers import Pair, paired

BINS = 400
"""Bins of the difference, from -1 to 1; each holds its lower end."""
_WIDTH = 2 / BINS


@dataclass(slots=True)
class Comparison:
    """One endpoint of two versions on the same calls; differences are shadow minus active.

    ``active_squares``, ``shadow_squares`` and ``products`` are sums of squared deviations from the mean and of their
    products; ``differences`` counts by bin.
    """

    compared: int = 0
    active_abstained: int = 0
    shadow_abstained: int = 0
    both_abstained: int = 0
    incomparable: int = 0
    flips: int = 0
    sets: int = 0
    set_changes: int = 0
    active_mean: float = 0.0
    shadow_mean: float = 0.0
    active_squares: float = 0.0
    shadow_squares: float = 0.0
    products: float = 0.0
    concordant: int = 0
    discordant: int = 0
    differences: list[int] = field(default_factory=lambda: [0] * BINS)
    _last: tuple[float, float] | None = field(default=None, repr=False, compare=False)

    def add(self, active: Endpoint, shadow: Endpoint | None) -> None:
        """Count one call."""
        if shadow is None or shadow.kind is not active.kind:
            self.incomparable += 1
        elif active.estimate is None or shadow.estimate is None:
            self.both_abstained += active.estimate is None and shadow.estimate is None
            self.active_abstained += active.estimate is None and shadow.estimate is not None
            self.shadow_abstained += active.estimate is not None and shadow.estimate is None
        elif pair := paired(active.estimate, shadow.estimate):
            self.add_pair(pair)
        else:
            self.incomparable += 1

    def add_pair(self, pair: Pair) -> None:
        """Count one call that both versions answered."""
        one = Comparison(compared=1, active_mean=pair.active, shadow_mean=pair.shadow)
        self._add_moments(one)
        self.flips += pair.flips
        self.sets += pair.set_differs is not None
        self.set_changes += bool(pair.set_differs)
        self.differences[_bin(pair.shadow - pair.active)] += 1
        if self._last is not None:
            order = (pair.active - self._last[0]) * (pair.shadow - self._last[1])
            self.concordant += order > 0
            self.discordant += order < 0
        self._last = (pair.active, pair.shadow)

    def add_all(self, other: Comparison) -> None:
        """Add another replica's counts and sums."""
        self._add_moments(other)
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences = [a + b for a, b in zip(self.differences, other.differences, strict=True)]

    def _add_moments(self, other: Comparison) -> None:
        total = self.compared + other.compared
        if not other.compared:
            return
        active, shadow = other.active_mean - self.active_mean, other.shadow_mean - self.shadow_mean
        weight = self.compared * other.compared / total
        self.active_squares += other.active_squares + active * active * weight
        self.shadow_squares += other.shadow_squares + shadow * shadow * weight
        self.products += other.products + active * shadow * weight
        self.active_mean += active * other.compared / total
        self.shadow_mean += shadow * other.compared / total
        self.compared = total

    @property
    def calls(self) -> int:
        """Calls that were scored."""
        abstained = self.active_abstained + self.shadow_abstained + self.both_abstained
        return self.compared + abstained + self.incomparable

    @property
    def mean_difference(self) -> float:
        """Mean of shadow minus active; NaN where nothing was compared."""
        return self.shadow_mean - self.active_mean if self.compared else math.nan

    @property
    def difference_sd(self) -> float:
        """Standard deviation of the difference; NaN for less than two."""
        if self.compared < 2:
            return math.nan
        spread = self.active_squares + self.shadow_squares - 2 * self.products
        return math.sqrt(max(0.0, spread) / (self.compared - 1))

    @property
    def correlation(self) -> float:
        """Pearson's; NaN where one of the two does not vary."""
        scale = math.sqrt(self.active_squares * self.shadow_squares)
        return self.products / scale if scale else math.nan

    @property
    def tau(self) -> float:
        """Kendall's tau over successive patients that neither version ties; NaN where there are none."""
        pairs = self.concordant + self.discordant
        return (self.concordant - self.discordant) / pairs if pairs else math.nan

    def quantile(self, share: float) -> float:
        """A quantile of the difference, true to half a bin (0.0025); NaN where nothing was compared."""
        total = sum(self.differences)
        wanted, seen = share * total, 0
        for index, count in enumerate(self.differences):
            seen += count
            if count and seen >= wanted:
                return (index + 0.5) * _WIDTH - 1
        return math.nan


_COUNTS = tuple(
    f.name
    for f in fields(Comparison)
    if f.type == "int" and f.name != "compared"  # annotations are strings here (PEP 563)
)


@dataclass(slots=True)
class ShadowReport:
    """What a replica, or several, saw of one pair of versions of a model."""

    active: ModelRef
    shadow: ModelRef | None
    generation: int = 0
    scored: int = 0
    failed: int = 0
    dropped: int = 0
    active_seconds: float = 0.0
    shadow_seconds: float = 0.0
    comparisons: dict[str, Comparison] = field(default_factory=dict)

    @property
    def failure_share(self) -> float:
        """Share of the calls put to the shadow that it failed on; NaN where there were none."""
        asked = self.scored + self.failed
        return self.failed / asked if asked else math.nan

    @property
    def time_ratio(self) -> float:
        """Seconds of the shadow over those of the active version; NaN where nothing was scored."""
        return self.shadow_seconds / self.active_seconds if self.active_seconds else math.nan

    @property
    def pair(self) -> tuple[ModelRef, ModelRef | None]:
        """What was compared."""
        return self.active, self.shadow

    def add(self, active: Mapping[str, Endpoint], shadow: Mapping[str, Endpoint], seconds: tuple[float, float]) -> None:
        """Count one call that both answered; ``seconds`` are those of the active version and of the shadow."""
        self.scored += 1
        self.active_seconds += seconds[0]
        self.shadow_seconds += seconds[1]
        for name, endpoint in active.items():
            self.comparisons.setdefault(name, Comparison()).add(endpoint, shadow.get(name))


def merged(reports: Iterable[ShadowReport]) -> ShadowReport | None:
    """The sum of reports of one pair of versions; raises ``ValueError`` for those of different pairs."""
    total: ShadowReport | None = None
    for report in reports:
        if total is None:
            total = replace(report, scored=0, failed=0, dropped=0, active_seconds=0.0, shadow_seconds=0.0)
            total.comparisons = {}
        if report.pair != total.pair:
            raise ValueError("reports of different versions cannot be added up")
        for name in ("scored", "failed", "dropped", "active_seconds", "shadow_seconds"):
            setattr(total, name, getattr(total, name) + getattr(report, name))
        total.generation = min(total.generation, report.generation)
        for name, comparison in report.comparisons.items():
            total.comparisons.setdefault(name, Comparison()).add_all(comparison)
    return total


def _bin(difference: float) -> int:
    """The bin of a difference in [-1, 1].

    >>> _bin(-1.0), _bin(-0.001), _bin(0.0), _bin(1.0)
    (0, 199, 200, 399)
    """
    return min(BINS - 1, max(0, math.floor((difference + 1) / _WIDTH)))
