"""The gated predictor: an ensemble of small fusion networks over the groups of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tumorcast_fusion.model.network import GatedTrunk
from tumorcast_fusion.model.tabular.design import Design

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
TOKEN_WIDTH, HIDDEN_WIDTH = 8, 24


def layout(design: Design) -> tuple[NDArray[np.int64], list[slice]]:
    """Order of the columns by the last group that each needs, and where each group stands in the row.

    A row holds the ordered columns of a group, zero where missing, then a flag per column: whether it is known.
    """
    owner = np.array([int(np.flatnonzero(needs)[-1]) for needs in design.needs], dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    widths = [max(2 * int((owner == g).sum()), 1) for g in range(len(design.groups))]
    ends = np.cumsum(widths)
    return order, [slice(int(end) - width, int(end)) for end, width in zip(ends, widths, strict=True)]


def rows_of(design: Design, z: Array, present: Mask) -> NDArray[np.float32]:
    """Network input (n, width) of columns z (n, columns) with groups ``present``."""
    masked = design.masked(z, present)
    owner = np.array([int(np.flatnonzero(needs)[-1]) for needs in design.needs])
    parts = []
    for g in range(len(design.groups)):
        of_group = masked[:, owner == g]
        known = ~np.isnan(of_group)
        filler = [] if of_group.shape[1] else [np.ones((len(z), 1))]
        parts += [np.where(known, of_group, 0.0), known.astype(float), *filler]
    return np.concatenate(parts, axis=1).astype(np.float32)


class GatedNetwork(nn.Module):
    """One member: rows (n, width), present (n, groups) → links (n, causes, points).

    For times the head gives log hazards, of which every interval has its own offset and a shared risk.
    """

    def __init__(self, slices: Sequence[slice], causes: int, points: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.trunk_of_groups = GatedTrunk(slices, TOKEN_WIDTH, HIDDEN_WIDTH, dropout)
        wide = HIDDEN_WIDTH + slices[-1].stop + len(slices)
        self.risk = nn.Linear(wide, causes)
        self.shape = nn.Linear(HIDDEN_WIDTH, causes * points)
        self.causes, self.points = causes, points

    def forward(self, rows: Tensor, present: Tensor) -> Tensor:
        """Logits (n, causes, points): of the outcome, of each threshold, or of the hazard in each interval."""
        mixed, everything = self.trunk_of_groups(rows, present)
        out: Tensor = self.risk(everything)[..., None] + self.shape(mixed).reshape(-1, self.causes, self.points)
        return out


@dataclass(frozen=True, eq=False)
class GatedPredictor:
    """Networks that vote; ``intervals`` is 0 unless the endpoint is about times."""

    design: Design
    networks: Sequence[GatedNetwork]
    intervals: int = 0

    @torch.no_grad()
    def links(self, z: Array, present: Mask) -> Array:
        """Links (members, n, causes, points) of columns z (n, columns) with groups ``present`` (n, groups)."""
        rows, here = torch.from_numpy(rows_of(self.design, z, present)), torch.from_numpy(present)
        found = np.stack([network.eval()(rows, here).double().numpy() for network in self.networks])
        if not self.intervals:
            return found
        out: Array = np.log(np.maximum(np.logaddexp(0.0, found).cumsum(axis=-1), 1e-12))
        return out

    def contributions(self, z: Array, present: Mask) -> Array:
        """What each column of one patient adds, (causes, columns), by integrated gradients from the average patient.

        Sundararajan, Taly and Yan, ICML 2017; 16 steps; of the members' mean logit, averaged over the points.
        """
        columns = torch.from_numpy(np.nan_to_num(self.design.masked(z[None], present[None])[0])).float()
        known = ~np.isnan(self.design.masked(z[None], present[None])[0])
        order, slices = layout(self.design)
        place = self._places(order, slices)
        flags = torch.from_numpy(rows_of(self.design, np.where(known, 0.0, np.nan)[None], present[None]))[0]
        gradients = []
        for step in (torch.arange(16) + 0.5) / 16:
            at = (step * columns).requires_grad_()
            row = flags.index_add(0, place, at)[None]
            logits = torch.stack(
                [n.eval()(row, torch.from_numpy(present[None]))[0].mean(dim=-1) for n in self.networks]
            )
            mean = logits.mean(dim=0)
            gradients.append(
                torch.stack([torch.autograd.grad(mean[c], at, retain_graph=True)[0] for c in range(len(mean))])
            )
        out: Array = (torch.stack(gradients).mean(dim=0) * columns).double().numpy()
        return out

    @staticmethod
    def _places(order: NDArray[np.int64], slices: Sequence[slice]) -> Tensor:
        """Where each column stands in the row."""
        place = np.empty(len(order), dtype=np.int64)
        start = 0
        for part in slices:
            width = part.stop - part.start
            count = width // 2
            place[order[start : start + count]] = part.start + np.arange(count)
            start += count
        return torch.from_numpy(place)

    def tensors(self, prefix: str) -> dict[str, Array]:
        """What is stored of it, by name."""
        return {
            f"{prefix}.{m}.{name}": value.numpy()
            for m, network in enumerate(self.networks)
            for name, value in network.state_dict().items()
        }

    @classmethod
    def of_tensors(
        cls, design: Design, tensors: Mapping[str, Array], prefix: str, causes: int, points: int, *, times: bool
    ) -> GatedPredictor:
        """Rebuild; raises ``RuntimeError`` where the tensors do not fit."""
        members = sorted(
            {int(k.removeprefix(f"{prefix}.").split(".")[0]) for k in tensors if k.startswith(f"{prefix}.")}
        )
        networks = []
        for m in members:
            network = GatedNetwork(layout(design)[1], causes, points)
            own = f"{prefix}.{m}."
            state = {
                k.removeprefix(own): torch.from_numpy(v.astype(np.float32))
                for k, v in tensors.items()
                if k.startswith(own)
            }
            network.load_state_dict(state)
            networks.append(network.eval())
        return cls(design, networks, points if times else 0)
