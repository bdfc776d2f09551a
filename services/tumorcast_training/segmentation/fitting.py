"""Fit the click network: AdamW with one cycle of the learning rate, Dice and cross-entropy, averaged weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch

from tumorcast_imaging.model.clicking.network import ClickNetwork, SegmenterManifest
from tumorcast_training.segmentation.cases import TrainingCase
from tumorcast_training.segmentation.sampling import batch

STEPS = 1500
_RATE = 3e-3
_DECAY = 1e-4
_KEEP = 0.995
_CLIP = 5.0
Told = Callable[[int, float], None]


def fit(
    manifest: SegmenterManifest,
    cases: Sequence[TrainingCase],
    *,
    seed: int = 0,
    steps: int = STEPS,
    told: Told = lambda _step, _loss: None,
) -> ClickNetwork:
    """Train from scratch; on one thread the same seed gives the same weights, to the bit."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    model = ClickNetwork.untrained(manifest, seed)
    network, average = model.network.train(), copy.deepcopy(model.network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        inputs, truth = batch(cases, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=model.precision == "bf16"):
            logits = network(inputs)
        loss = _loss(logits.float(), truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimizer.step()
        cycle.step()
        _blend(average, network, min(_KEEP, (1 + step) / (10 + step)))
        told(step + 1, float(loss.detach()))
    return ClickNetwork(manifest, average, precision=model.precision)


def _loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and 1 − soft Dice of each view, averaged."""
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    probability = torch.sigmoid(logits)
    axes = (1, 2, 3, 4)
    overlap = (probability * truth).sum(axes)
    dice = (2 * overlap + 1) / (probability.sum(axes) + truth.sum(axes) + 1)
    return entropy + (1 - dice).mean()


@torch.no_grad()
def _blend(average: torch.nn.Module, network: torch.nn.Module, keep: float) -> None:
    """Move the averaged weights, and the norms' statistics, toward the network's."""
    state = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(state[name], 1 - keep)
        else:
            value.copy_(state[name])
