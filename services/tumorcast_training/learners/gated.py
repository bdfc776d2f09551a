"""Fits the gated predictor: small fusion networks, with whole groups and single values dropped at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tumorcast_fusion.model.tabular import GatedNetwork, GatedPredictor, layout, rows_of
from tumorcast_training.learners.target import Target, TrainingSet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GatedRecipe:
    """How long and how fast to train; fixed for all cohorts."""

    steps: int = 240
    batch: int = 256
    learning_rate: float = 4e-3
    weight_decay: float = 0.3
    dropout: float = 0.3
    members: int = 1


def fit_gated(data: TrainingSet, seed: int, recipe: GatedRecipe | None = None) -> GatedPredictor:
    """Fit members that differ by their seed, on one thread; the same seed gives the same weights."""
    recipe = recipe or GatedRecipe()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        networks = [_member(data, 1000 * seed + m, recipe) for m in range(recipe.members)]
    finally:
        torch.set_num_threads(threads)
    return GatedPredictor(data.design, networks, 0 if data.target.reached is not None else data.target.points)


def _member(data: TrainingSet, seed: int, recipe: GatedRecipe) -> GatedNetwork:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = GatedNetwork(layout(data.design)[1], data.target.causes, data.target.points, recipe.dropout)
        rows = torch.from_numpy(rows_of(data.design, data.z, data.present))
        present, weight = torch.from_numpy(data.present), torch.from_numpy(data.weight).float()
        event, exposure = _questions(data.target)
        _start_at_rates(network, event, exposure)
        optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.steps)
        network.train()
        for _ in range(recipe.steps):
            chosen = torch.randint(len(rows), (min(recipe.batch, len(rows)),), generator=generator)
            logits = network(rows[chosen], _drop_groups(present[chosen], generator))
            each = exposure[chosen] * torch.nn.functional.softplus(logits) - event[chosen] * logits
            loss = (each.sum(dim=(1, 2)) * weight[chosen]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def _questions(target: Target) -> tuple[Tensor, Tensor]:
    """Events and trials (n, causes, points): the loss is that of one yes-or-no question per point."""
    if target.reached is not None:
        reached = torch.from_numpy(target.reached).float()[:, None]
        return reached, torch.ones_like(reached)
    event = np.stack([p.event for p in target.periods], axis=1)
    exposure = np.stack([np.maximum(p.exposure, p.event) for p in target.periods], axis=1)
    return torch.from_numpy(event).float(), torch.from_numpy(exposure).float()


@torch.no_grad()
def _start_at_rates(network: GatedNetwork, event: Tensor, exposure: Tensor) -> None:
    """Begin with the cohort's own rates, so that training learns differences only."""
    rate = ((event.sum(dim=0) + 0.5) / (exposure.sum(dim=0) + 1.0)).clamp(1e-4, 0.99)
    network.shape.bias.copy_(torch.log(rate / (1 - rate)).flatten())
    network.shape.weight.mul_(0.1)
    network.risk.bias.zero_()


def _drop_groups(present: Tensor, generator: torch.Generator) -> Tensor:
    """Drop groups at random: half of the rows keep all, the others lose each with a rate of their own."""
    n, groups = present.shape
    rate = torch.rand(n, 1, generator=generator) * (torch.rand(n, 1, generator=generator) < 0.5)
    return present & (torch.rand(n, groups, generator=generator) >= rate)
