"""What pixels add to measures, on the published folds: radiomics, embeddings, both, and a network trained end to end.

Everything that is fitted is fitted inside the training part of each fold; gains are paired by fold and corrected for
overlapping training sets (Nadeau and Bengio 2003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tumorcast_imaging.model import Encoder
from tumorcast_training.blueprint import Blueprint, EndpointPlan, GroupPlan
from tumorcast_training.cohorts import BinaryOutcome, Cohort
from tumorcast_training.cross_validation import cross_validate, score
from tumorcast_training.encoder_training import EncoderRecipe, augmented, batches, forward
from tumorcast_training.metrics import ClusterBootstrap, auc, corrected_resampled_t
from tumorcast_training.parallel import Map
from tumorcast_training.pixels.folds import EmbeddedCohort, Fold
from tumorcast_training.pixels.patients import ImagedPatient
from tumorcast_training.selection import as_json, summary

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
REFERENCE = "radiomics"
_BOOTSTRAPS = 2000


TUNING = EncoderRecipe(
    epochs=8, batch=12, learning_rate=5e-4, weight_decay=0.05, noise=0.05, held_out=0.0, precision="float32"
)


@dataclass(frozen=True, slots=True, eq=False)
class EndToEndTask:
    """One fold: tune the fold's encoder to the outcomes of the training patients, answer for those held out."""

    patients: Sequence[ImagedPatient]
    outcome: Array
    train: Rows
    test: Rows
    encoder: tuple[Any, bytes]
    seed: int
    recipe: EncoderRecipe = TUNING


def compare(
    embedded: EmbeddedCohort,
    patients: Sequence[ImagedPatient],
    blueprint: Blueprint,
    plan: EndpointPlan,
    seed: int,
    run: Map,
    single: Sequence[str] = (),
) -> dict[str, Any]:
    """Scores of every variant on every fold, its pooled score with an interval, and its paired gain over radiomics.

    ``single`` are inputs that are scored by themselves, higher taken for the outcome.
    """
    cohort = embedded.cohort
    risks = {name: _ridge(variant, plan, cohort, seed, run) for name, variant in _variants(blueprint).items()}
    risks["end to end"] = _end_to_end(embedded, patients, plan, seed, run)
    for name in single:
        risks[f"{name} alone"] = {
            fold: cohort.inputs[name].to_numpy(float)[rows] for fold, rows in _tests(cohort).items()
        }
    outcome = cohort.outcomes[plan.id]
    scores = {
        name: np.array([score(outcome[rows], risk[fold]) for fold, rows in _tests(cohort).items()])
        for name, risk in risks.items()
    }
    return {
        name: {
            "score": summary(scores[name]),
            "pooled": _pooled(cohort, plan, risks[name], seed),
            "gain_over_radiomics": as_json(corrected_resampled_t(scores[name] - scores[REFERENCE]))
            if name != REFERENCE
            else {},
        }
        for name in risks
    }


def _variants(blueprint: Blueprint) -> dict[str, Blueprint]:
    def only(change: Callable[[GroupPlan], GroupPlan]) -> Blueprint:
        groups = tuple(change(group) for group in blueprint.groups)
        kept = {name for group in groups for name in group.inputs}
        columns = {name: rule for name, rule in blueprint.columns.items() if name in kept}
        return blueprint.model_copy(update={"groups": groups, "columns": columns})

    return {
        REFERENCE: only(lambda group: group.model_copy(update={"embedding": None})),
        "embeddings": only(lambda group: group.model_copy(update={"features": ()})),
        "radiomics and embeddings": blueprint,
    }


def _tests(cohort: Cohort) -> dict[Fold, Rows]:
    return {fold: cohort.sides(*fold)[1] for fold in cohort.all_folds()}


def _ridge(blueprint: Blueprint, plan: EndpointPlan, cohort: Cohort, seed: int, run: Map) -> dict[Fold, Array]:
    results = cross_validate(blueprint, plan, cohort, seed, run, ("linear",), subsets=False)
    return {(r.repeat, r.fold): r.answers["linear"].risk for r in results}


def _pooled(cohort: Cohort, plan: EndpointPlan, risk: Mapping[Fold, Array], seed: int) -> list[float]:
    """AUC over all patients at once, out of fold, averaged over repeats, with its bootstrap interval by patient.

    Within a fold risks are ranked, since scales differ from fold to fold.
    """
    outcome = cohort.outcomes[plan.id]
    assert isinstance(outcome, BinaryOutcome)  # noqa: S101 - for the type checker; images are compared on yes or no
    weights = np.vstack([np.ones(len(cohort)), ClusterBootstrap(cohort.patient_ids, _BOOTSTRAPS, seed).weights()])
    found = []
    for repeat in range(cohort.folds.shape[1]):
        ranks = np.full(len(cohort), np.nan)
        for (r, k), rows in _tests(cohort).items():
            if r == repeat:
                ranks[rows] = _ranks(risk[r, k])
        found.append(auc(outcome.value, ranks, weights))
    mean = np.mean(found, axis=0)
    low, high = np.nanpercentile(mean[1:], [2.5, 97.5])
    return [float(mean[0]), float(low), float(high)]


def _ranks(x: Array) -> Array:
    from scipy.stats import rankdata

    out: Array = (rankdata(x) - 0.5) / len(x)
    return out


def _end_to_end(
    embedded: EmbeddedCohort, patients: Sequence[ImagedPatient], plan: EndpointPlan, seed: int, run: Map
) -> dict[Fold, Array]:
    cohort = embedded.cohort
    outcome = cohort.outcomes[plan.id]
    assert isinstance(outcome, BinaryOutcome)  # noqa: S101 - for the type checker; images are compared on yes or no
    tests = _tests(cohort)
    tasks = [
        EndToEndTask(
            patients,
            outcome.value,
            cohort.sides(r, k)[0],
            rows,
            (embedded.of_fold[r, k].manifest, embedded.of_fold[r, k].weights()),
            seed + place,
        )
        for place, ((r, k), rows) in enumerate(tests.items())
    ]
    return dict(zip(tests, run(tune, tasks), strict=True))


def tune(task: EndToEndTask) -> Array:
    """Log odds of the patients held out, (n,): the mean over their crops of a network tuned to the others' outcomes."""
    torch.manual_seed(task.seed)
    rng = np.random.default_rng(task.seed)
    manifest, weights = task.encoder
    encoder = Encoder.of_weights(manifest, weights)
    model = nn.Sequential(encoder.network, nn.Linear(manifest.embedding_dim, 1))
    crops = [(crop, task.outcome[i]) for i in task.train for _, crop in sorted(task.patients[i].crops.items())]
    recipe = replace(task.recipe, batch=min(task.recipe.batch, len(crops)))
    steps = recipe.epochs * (len(crops) // recipe.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps)
    model.train()
    for chosen in batches(len(crops), recipe, rng):
        x = augmented(np.stack([crops[i][0] for i in chosen]), rng, recipe.noise)
        y = torch.tensor([crops[i][1] for i in chosen], dtype=torch.float32)
        loss = nn.functional.binary_cross_entropy_with_logits(forward(model, x, recipe.precision)[:, 0], y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    model.eval()
    return np.array([_answer(model, task.patients[i]) for i in task.test])


@torch.no_grad()
def _answer(model: nn.Module, patient: ImagedPatient) -> float:
    if not patient.crops:
        return 0.0
    batch = torch.from_numpy(np.stack([crop for _, crop in sorted(patient.crops.items())]))
    return float(forward(model, batch, TUNING.precision).mean())
