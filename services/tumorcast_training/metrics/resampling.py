"""Bootstrap by patient: the rows of one patient are drawn together, and every figure is seen on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

import numpy as np

from tumorcast_training.metrics.arrays import Array

Statistic = Callable[[Array | None], Array]
Figures = Callable[[Array | None], Mapping[str, Array]]
Interval = list[float]

LEAST_PATIENTS = 10
_CELLS_AT_ONCE = 4_000_000
_MOST_FAILED = 0.05
_DIGITS = 5


class ClusterBootstrap:
    """Samples of patients with replacement, as weights of rows (Davison and Hinkley 1997, section 3.8).

    ``patient_of_row`` (n,) numbers the patients. A statistic takes weights (b, n), or ``None`` for the data as they
    are, and gives (b,) values. Intervals are percentile intervals at 95 %.

    >>> ClusterBootstrap(["a", "a", "b"], samples=2, seed=1).weights().tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 0.0]]
    """

    def __init__(self, patient_ids: Iterable[Hashable], samples: int = 1000, seed: int = 0) -> None:
        places: dict[Hashable, int] = {}
        self.patient_of_row = np.array([places.setdefault(id_, len(places)) for id_ in patient_ids], dtype=np.int64)
        self.patients, self.rows, self.samples = len(places), len(self.patient_of_row), samples
        rng = np.random.default_rng(seed)
        n = max(self.patients, 1)
        self._counts = rng.multinomial(n, np.full(n, 1 / n), samples).astype(np.uint16)

    @property
    def clustered(self) -> bool:
        """Whether any patient has several rows."""
        return self.rows > self.patients

    def weights(self, samples: slice = slice(None)) -> Array:
        """How often each sample holds each row, (samples, n)."""
        return self._counts[samples][:, self.patient_of_row].astype(float)

    def chunks(self) -> Iterator[Array]:
        """All samples' weights, few enough at a time to stay in memory."""
        step = max(1, _CELLS_AT_ONCE // max(self.rows, 1))
        for start in range(0, self.samples, step):
            yield self.weights(slice(start, start + step))

    def interval(self, statistic: Statistic) -> Interval | None:
        """[estimate, lower, upper] of one statistic; ``None`` where the data do not give it."""
        return self.intervals(lambda weights: {"": statistic(weights)})[""]

    def difference(self, first: Statistic, second: Statistic) -> Interval | None:
        """[estimate, lower, upper] of ``first`` minus ``second`` on the same samples."""
        return self.interval(lambda weights: first(weights) - second(weights))

    def intervals(self, figures: Figures) -> dict[str, Interval | None]:
        """[estimate, lower, upper] of every figure at once; ``None`` where the data do not give it.

        That is: with fewer than ``LEAST_PATIENTS``, where the estimate is not a number, or where one sample in twenty
        gives none. Other samples that give none are left out.
        """
        estimates = figures(None)
        if self.patients < LEAST_PATIENTS:
            return dict.fromkeys(estimates)
        resampled: dict[str, list[Array]] = {name: [] for name in estimates}
        for weights in self.chunks():
            for name, values in figures(weights).items():
                resampled[name].append(values)
        return {name: _interval(float(estimates[name][0]), np.concatenate(resampled[name])) for name in estimates}


def _interval(estimate: float, resampled: Array) -> Interval | None:
    known = resampled[np.isfinite(resampled)]
    if not np.isfinite(estimate) or len(known) < (1 - _MOST_FAILED) * len(resampled):
        return None
    return rounded(estimate, *np.percentile(known, [2.5, 97.5]))


def rounded(*values: float) -> list[float]:
    """Numbers as they are reported."""
    return [round(float(v), _DIGITS) + 0.0 for v in values]
