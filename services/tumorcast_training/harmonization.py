"""ComBat: differences between scanners or sites taken out of a table of features, those of covariates kept.

Location and scale of each batch are estimated feature by feature, and drawn together over the features by parametric
empirical Bayes (Johnson, Li and Rabinovic, Biostatistics 2007;8:118; for images Fortin et al., NeuroImage
2018;167:104). It is fitted on training rows only and applied to any row of a batch that was seen. Of the libraries,
neuroCombat is from 2021 and its training mode fails with numpy 2, neuroHarmonize 2.5 needs numpy 1, and combatlearn
2.3 disagrees with neuroCombat (tests/support/combat_reference.py), with which this agrees.

Model of feature g of row i in batch b: y = α + xᵀβ + σ (γ + δ ε), with γ normal and δ² inverse gamma over the features.
A covariate must be known of every row to which this is applied, so an outcome is none.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tumorcast_core.errors import InvalidInput

Array = NDArray[np.float64]
_FEWEST_OF_BATCH = 3
_FEWEST_POOLED = 3
"""Features from which on their batch effects are drawn together; a prior of two would be their own echo."""
_CONVERGED = 1e-10
_MOST_STEPS = 1000
_TINY = 1e-12


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Covariate(_Frozen):
    """A covariate to keep: a number, or one column per category after the first."""

    name: str
    categories: tuple[str, ...] = ()


class Feature(_Frozen):
    """One feature: its mean level α, scale σ, covariate slopes β, and (γ, δ) of each batch.

    A batch without an entry showed too few values to learn from; its values are left as they are.
    """

    level: float
    scale: float
    slopes: tuple[float, ...]
    shift: Mapping[str, float]
    spread: Mapping[str, float]


class Combat(_Frozen):
    """A fitted ComBat; ``Combat.fit(table, batch)`` makes one, ``transform`` applies it, JSON keeps it."""

    batches: tuple[str, ...]
    covariates: tuple[Covariate, ...] = ()
    features: Mapping[str, Feature]

    @model_validator(mode="after")
    def _fits_together(self) -> Combat:
        width = sum(max(1, len(c.categories) - 1) for c in self.covariates)
        for feature in self.features.values():
            if len(feature.slopes) != width or feature.scale < 0 or feature.shift.keys() != feature.spread.keys():
                raise ValueError("a feature does not fit the covariates")
            if min(feature.spread.values(), default=1.0) <= 0:
                raise ValueError("a spread is not positive")
        return self

    @classmethod
    def fit(
        cls, table: pd.DataFrame, batch: Sequence[str] | pd.Series, covariates: pd.DataFrame | None = None
    ) -> Combat:
        """Learn from training rows; a missing value (NaN) of a feature is left out of that feature only.

        ``covariates`` are numbers, or texts for categories, without gaps. Raises ``InvalidInput`` for a batch of fewer
        than three rows, gaps in batch or covariates, infinite values, and covariates that the batches determine.
        """
        labels = _labels(batch, len(table))
        known = tuple(sorted(set(labels)))
        if min((labels.count(one) for one in known), default=0) < _FEWEST_OF_BATCH:
            raise InvalidInput(f"Every batch needs at least {_FEWEST_OF_BATCH} rows to be harmonized.")
        plans = _plans(covariates)
        extra = _design(plans, covariates, len(table))
        of_batch = np.array([[one == own for own in known] for one in labels], float)
        if np.linalg.matrix_rank(np.hstack([of_batch, extra])) < len(known) + extra.shape[1]:
            raise InvalidInput("The covariates are determined by the batches or by one another; leave one out.")
        values = {str(name): _numbers(table[name]) for name in table}
        fits = {name: _Standardized.of(y, of_batch, extra) for name, y in values.items()}
        pooled = [_pooled([fit.batches[b] for fit in fits.values()]) for b in range(len(known))]
        features = {
            name: fit.feature({known[b]: pooled[b][row] for b in range(len(known)) if row in pooled[b]})
            for row, (name, fit) in enumerate(fits.items())
        }
        return cls(batches=known, covariates=plans, features=features)

    def transform(
        self,
        table: pd.DataFrame,
        batch: Sequence[str] | pd.Series,
        covariates: pd.DataFrame | None = None,
        *,
        unknown: Literal["refuse", "keep"] = "refuse",
    ) -> pd.DataFrame:
        """The table with the batch effects taken out; columns that were not learned are left as they are.

        A row of a batch that was not seen is refused (``InvalidInput``), or with ``unknown="keep"`` left as it is with
        a warning. With one batch nothing changes.
        """
        labels = _labels(batch, len(table))
        new = sorted(set(labels) - set(self.batches))
        if new and unknown == "refuse":
            raise InvalidInput("Rows are of a batch that was not among the training rows.")
        if new:
            warnings.warn("Rows of a batch that was not among the training rows were left as they are.", stacklevel=2)
        if sum(c.name not in (covariates if covariates is not None else ()) for c in self.covariates):
            raise InvalidInput("A covariate that was kept in training is missing.")
        extra = _design(self.covariates, covariates, len(table))
        result = table.copy()
        for name, feature in self.features.items():
            if name in table:
                y = _numbers(table[name])
                result[name] = y if len(self.batches) == 1 else _adjusted(feature, y, labels, extra)
        return result

    def to_json(self) -> str:
        """Everything that was learned, as JSON; ``from_json`` gives an equal one back."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Combat:
        """Read ``to_json`` back; raises ``InvalidInput``."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as e:
            raise InvalidInput("The file holds no harmonization.") from e


class _Batch(_Frozen):
    """Standardized values of one feature in one batch: how many, their mean, and their sum of squares about it."""

    count: int
    mean: float
    squares: float

    @property
    def variance(self) -> float:
        return self.squares / (self.count - 1)


class _Standardized(_Frozen):
    """One feature, its level and covariates taken out, in units of its spread within batches."""

    level: float
    scale: float
    slopes: tuple[float, ...]
    batches: tuple[_Batch | None, ...]

    @classmethod
    def of(cls, y: Array, of_batch: Array, extra: Array) -> _Standardized:
        present = np.isfinite(y)
        counts = of_batch[present].sum(axis=0)
        learned = counts >= _FEWEST_OF_BATCH
        rows = present & (of_batch[:, learned].sum(axis=1) > 0)
        design = np.hstack([of_batch[:, learned], extra])[rows]
        if not rows.any() or np.linalg.matrix_rank(design) < design.shape[1]:
            return cls(level=0, scale=0, slopes=(0.0,) * extra.shape[1], batches=(None,) * len(counts))
        solution = np.linalg.lstsq(design, y[rows], rcond=None)[0]
        count = int(np.count_nonzero(learned))
        level = float(counts[learned] @ solution[:count] / counts[learned].sum())
        scale = float(np.sqrt(np.mean((y[rows] - design @ solution) ** 2)))
        if scale <= _TINY * max(1.0, float(np.abs(y[rows]).max())):
            scale = 0.0  # it does not vary within batches: nothing to learn a scale from
        z = (y - level - extra @ solution[count:]) / (scale or 1.0)
        batches = [
            _of_batch(z[present & (of_batch[:, b] > 0)]) if learned[b] and scale else None for b in range(len(counts))
        ]
        return cls(level=level, scale=scale, slopes=tuple(map(float, solution[count:])), batches=tuple(batches))

    def feature(self, effects: Mapping[str, tuple[float, float]]) -> Feature:
        return Feature(
            level=self.level,
            scale=self.scale,
            slopes=self.slopes,
            shift={name: shift for name, (shift, _) in effects.items()},
            spread={name: spread for name, (_, spread) in effects.items()},
        )


def _of_batch(z: Array) -> _Batch:
    mean = float(z.mean())
    return _Batch(count=len(z), mean=mean, squares=float(((z - mean) ** 2).sum()))


def _pooled(of_features: Sequence[_Batch | None]) -> dict[int, tuple[float, float]]:
    """Shift and spread of one batch for each feature that it has, drawn together over the features."""
    rows = [row for row, one in enumerate(of_features) if one is not None and one.squares > 0]
    found = [one for one in of_features if one is not None and one.squares > 0]
    means, variances = np.array([one.mean for one in found]), np.array([one.variance for one in found])
    if len(found) < _FEWEST_POOLED:
        return {row: (one.mean, float(np.sqrt(one.variance))) for row, one in zip(rows, found, strict=True)}
    center, width = float(means.mean()), float(means.var(ddof=1))
    middle, around = float(variances.mean()), float(variances.var(ddof=1))
    if around <= _TINY * middle**2 or width <= 0:
        return {row: (one.mean, float(np.sqrt(one.variance))) for row, one in zip(rows, found, strict=True)}
    shape, rate = middle**2 / around + 2, middle**3 / around + middle  # of the inverse gamma with these moments
    return {row: _posterior(one, center, width, shape, rate) for row, one in zip(rows, found, strict=True)}


def _posterior(one: _Batch, center: float, width: float, shape: float, rate: float) -> tuple[float, float]:
    """Shift and spread by turns until they stay (Johnson et al., equations 3.1 and 3.2)."""
    shift, variance = one.mean, one.variance
    for _ in range(_MOST_STEPS):
        before = shift, variance
        shift = (width * one.count * one.mean + variance * center) / (width * one.count + variance)
        squares = one.squares + one.count * (one.mean - shift) ** 2
        variance = (squares / 2 + rate) / (one.count / 2 + shape - 1)
        if abs(shift - before[0]) < _CONVERGED and abs(variance - before[1]) < _CONVERGED * variance:
            break
    return float(shift), float(np.sqrt(variance))


def _adjusted(feature: Feature, y: Array, labels: Sequence[str], extra: Array) -> Array:
    expected = feature.level + extra @ np.array(feature.slopes)
    shift = np.array([feature.shift.get(one, 0.0) for one in labels])
    spread = np.array([feature.spread.get(one, 1.0) for one in labels])
    learned = np.array([one in feature.shift for one in labels], bool)
    return np.where(learned, (y - expected - feature.scale * shift) / spread + expected, y)


def _labels(batch: Sequence[str] | pd.Series, rows: int) -> list[str]:
    found = list(batch)
    if len(found) != rows or any(one is None or one != one or str(one) == "" for one in found):
        raise InvalidInput("Every row needs a batch.")
    return [str(one) for one in found]


def _numbers(column: pd.Series) -> Array:
    try:
        values: Array = column.to_numpy(float)
    except (TypeError, ValueError) as e:
        raise InvalidInput("A feature to be harmonized is not a number.") from e
    if np.isinf(values).any():
        raise InvalidInput("A feature to be harmonized is infinite.")
    return values


def _plans(covariates: pd.DataFrame | None) -> tuple[Covariate, ...]:
    if covariates is None:
        return ()
    if covariates.isna().to_numpy().any():
        raise InvalidInput("A covariate has gaps.")
    return tuple(
        Covariate(name=str(name))
        if pd.api.types.is_numeric_dtype(covariates[name])
        else Covariate(name=str(name), categories=tuple(sorted({str(x) for x in covariates[name]})))
        for name in covariates
    )


def _design(plans: Sequence[Covariate], covariates: pd.DataFrame | None, rows: int) -> Array:
    """The covariates' columns, rows × columns."""
    columns: list[Array] = []
    for plan in plans:
        assert covariates is not None  # noqa: S101 - looked at by the callers
        column = covariates[plan.name]
        if len(column) != rows or column.isna().any():
            raise InvalidInput("A covariate has gaps.")
        if plan.categories:
            texts = [str(x) for x in column]
            if not set(texts) <= set(plan.categories):
                raise InvalidInput("A covariate has a category that was not among the training rows.")
            columns += [np.array([text == one for text in texts], float) for one in plan.categories[1:]]
        else:
            columns.append(_numbers(column))
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))
