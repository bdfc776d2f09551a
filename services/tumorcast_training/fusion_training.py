"""Trains and calibrates a fusion ensemble on encoded snapshots.

Each member sees its own bootstrap sample of the patients, with whole groups dropped at random so that every subset is
answered. What calibrates comes from out-of-bag predictions: each patient by the members that were not trained on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from tumorcast_core.catalog import entry
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.model.encoding import encode, group_slices, part_widths, transformed
from tumorcast_fusion.model.ensemble import Ensemble
from tumorcast_fusion.model.manifest import Group, Manifest, Scaling
from tumorcast_fusion.model.network import FusionNetwork

Array = NDArray[np.float64]
PART_DROP_RATE = 0.05
LOG_SCALED = {"lactate_dehydrogenase", "neutrophil_lymphocyte_ratio", "tumor_mutational_burden", "tumor_volume"}
LOG_SCALED |= {"tumor_longest_diameter", "tumor_short_axis", "neutrophil_count", "lymphocyte_count"}


@dataclass(frozen=True, slots=True)
class FusionRecipe:
    """How long and how fast to train."""

    epochs: int = 100
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Response (n,) in {0, 1}; progression-free survival (n,) in days with its event indicator (n,)."""

    response: Array
    pfs_days: Array
    pfs_event: Array

    def __getitem__(self, rows: NDArray[np.int64]) -> Outcomes:
        return Outcomes(self.response[rows], self.pfs_days[rows], self.pfs_event[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Encoded patients: rows (n, width) and present (n, groups)."""

    rows: NDArray[np.float32]
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, snapshots: Sequence[PatientSnapshot], manifest: Manifest) -> Encoded:
        """Encode snapshots for a model."""
        encoded = [encode(snapshot, manifest) for snapshot in snapshots]
        return cls(np.stack([e.row for e in encoded]), np.stack([e.present for e in encoded]))

    def __getitem__(self, rows: NDArray[np.int64]) -> Encoded:
        return Encoded(self.rows[rows], self.present[rows])


def fit_scaling(group: Group, snapshots: Sequence[PatientSnapshot]) -> Group:
    """Standardize a group's numbers and embedding by the training patients who have them."""
    scaling = {}
    for name in group.features:
        if entry(name).categories:
            continue
        found = [snapshot.feature(name, group.timepoint) for snapshot in snapshots]
        values = np.array([f.value for f in found if f and f.value is not None], dtype=float)
        rough = Scaling(
            transform="log" if name in LOG_SCALED else "identity", mean=0, sd=1, low=values.min(), high=values.max()
        )
        scaled = np.array([transformed(v, rough) for v in values])
        scaling[name] = rough.model_copy(update={"mean": _short(scaled.mean()), "sd": _short(scaled.std() or 1.0)})
    embedding = group.embedding
    if embedding:
        vectors = [snapshot.embedding(embedding.spaces, group.timepoint) for snapshot in snapshots]
        stacked = np.stack([v.vector.reshape(-1) for v in vectors if v])
        mean, sd = stacked.mean(axis=0), np.maximum(stacked.std(axis=0), 1e-6)
        embedding = embedding.model_copy(update={"mean": tuple(map(_short, mean)), "sd": tuple(map(_short, sd))})
    return group.model_copy(update={"scaling": scaling, "embedding": embedding})


def _short(x: float) -> float:
    return float(f"{x:.6g}")


def train_fusion(
    encoded: Encoded,
    outcomes: Outcomes,
    manifest: Manifest,
    seed: int,
    recipe: FusionRecipe | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """Train and calibrate an ensemble; the same seed gives the same weights."""
    recipe = recipe or FusionRecipe()
    rng = np.random.default_rng(seed)
    n = len(outcomes.response)
    samples = [rng.choice(n, n) for _ in range(manifest.members)]
    members = []
    with one_thread():
        for number, sample in enumerate(samples):
            torch.manual_seed(seed * 1000 + number)
            members.append(_train_member(encoded[sample], outcomes[sample], manifest, recipe))
            if progress:
                progress(number + 1, manifest.members)
    unseen = np.stack([~np.isin(np.arange(n), sample) for sample in samples])
    return Ensemble(_calibrated(Ensemble(manifest, members), unseen, encoded, outcomes), members)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: the networks are so small that threads only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train_member(encoded: Encoded, outcomes: Outcomes, manifest: Manifest, recipe: FusionRecipe) -> FusionNetwork:
    network = FusionNetwork(manifest, recipe.dropout)
    rows, present = torch.from_numpy(encoded.rows), torch.from_numpy(encoded.present)
    response = torch.from_numpy(outcomes.response).float()
    event, at_risk = (torch.from_numpy(x).float() for x in person_periods(outcomes, manifest.edges_days))
    batches = max(len(rows) // recipe.batch, 1)
    parts = droppable_parts(manifest)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.epochs * batches)
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(rows)).chunk(batches):
            logit, hazard = network(_drop_parts(rows[chosen], parts), _drop_groups(present[chosen]))
            loss = nn.functional.binary_cross_entropy_with_logits(logit, response[chosen])
            loss = loss + _hazard_loss(hazard, event[chosen], at_risk[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def _drop_groups(present: Tensor) -> Tensor:
    """Drop groups at random: half of the patients keep all, the others lose each with a rate of their own."""
    n, groups = present.shape
    rate = torch.rand(n, 1) * (torch.rand(n, 1) < 0.5)
    return present & (torch.rand(n, groups) >= rate)


def droppable_parts(manifest: Manifest) -> list[slice]:
    """Columns of each feature, and of each embedding, that has others beside it in its group."""
    parts = []
    for group, whole in zip(manifest.groups, group_slices(manifest), strict=True):
        ends = whole.start + np.cumsum(part_widths(group))
        if len(ends) > 1:
            parts += [slice(int(end) - width, int(end)) for end, width in zip(ends, part_widths(group), strict=True)]
    return parts


def _drop_parts(rows: Tensor, parts: Sequence[slice]) -> Tensor:
    """Take single values out at random, with their flag: a group may arrive with gaps."""
    kept = torch.ones_like(rows)
    for part in parts:
        kept[:, part] = (torch.rand(len(rows), 1) >= PART_DROP_RATE).float()
    return rows * kept


def person_periods(outcomes: Outcomes, edges_days: Sequence[float]) -> tuple[Array, Array]:
    """Discrete-time form: event indicator and exposure (n, intervals); an interval is open below, closed above.

    Censoring inside an interval counts as exposed for the share of it that was seen.
    """
    edges = np.concatenate([[0.0], edges_days])
    start, end = edges[:-1], edges[1:]
    days = outcomes.pfs_days[:, None]
    inside = (days > start) & (days <= end)
    event = inside & (outcomes.pfs_event[:, None] == 1)
    exposure = np.clip((days - start) / (end - start), 0, 1)
    return event.astype(float), np.where(event, 1.0, exposure)


def _hazard_loss(hazard_logit: Tensor, event: Tensor, at_risk: Tensor) -> Tensor:
    """Negative log-likelihood of discrete hazards, per patient."""
    log_survive = -nn.functional.softplus(hazard_logit)
    log_event = -nn.functional.softplus(-hazard_logit)
    return -(event * log_event + (at_risk - event) * log_survive).sum(dim=1).mean()


def _calibrated(ensemble: Ensemble, unseen: NDArray[np.bool_], encoded: Encoded, outcomes: Outcomes) -> Manifest:
    """Platt scaling, conformal threshold and hazard factor from out-of-bag predictions.

    ``unseen`` (members, n) says which member was not trained on which patient; those alone predict the patient.
    """
    kept = np.flatnonzero(unseen.any(axis=0))
    logits, cumulative = ensemble.raw(encoded.rows[kept], encoded.present[kept])
    weight = unseen[:, kept] / unseen[:, kept].sum(axis=0)
    logit = (weight * logits).sum(axis=0)
    hazard = np.exp((weight[..., None] * np.log(np.maximum(cumulative, 1e-12))).sum(axis=0))
    truth = outcomes[kept]
    platt = LogisticRegression(C=1e6).fit(logit[:, None], truth.response)
    intercept, slope = _short(platt.intercept_[0]), _short(platt.coef_[0, 0])
    calibration = ensemble.manifest.response_calibration
    p = 1 / (1 + np.exp(-(intercept + slope * logit)))
    threshold = conformal_threshold(p, truth.response, calibration.conformal_level)
    update = {"intercept": intercept, "slope": slope, "conformal_threshold": _short(threshold)}
    factor = hazard_factor(np.diff(hazard, axis=1, prepend=0.0), truth, ensemble.manifest.edges_days)
    return ensemble.manifest.model_copy(
        update={"response_calibration": calibration.model_copy(update=update), "hazard_factor": _short(factor)}
    )


def conformal_threshold(p: Array, outcome: Array, level: float) -> float:
    """Threshold on one minus the probability of the true outcome (Sadinle, Lei and Wasserman, JASA 2019).

    Out-of-bag probabilities stand for those of new patients, as in jackknife+-after-bootstrap (Kim, NeurIPS 2020).
    """
    score = np.sort(1 - np.where(outcome == 1, p, 1 - p))
    rank = int(np.ceil((len(score) + 1) * level))
    return float(score[min(rank, len(score)) - 1])


def hazard_factor(hazard: Array, outcomes: Outcomes, edges_days: Sequence[float]) -> float:
    """Factor on the cumulative hazard per interval (n, intervals) that makes expected equal observed events.

    The discrete hazard of an interval is ``1 - exp(-h)``; the sum of those a patient was exposed to is what the
    martingale residual compares with the event (Aalen 1978).
    """
    events, exposure = person_periods(outcomes, edges_days)

    def surplus(log_factor: float) -> float:
        return float((exposure * -np.expm1(-np.exp(log_factor) * hazard)).sum() - events.sum())

    return float(np.exp(brentq(surplus, -3, 3)))
