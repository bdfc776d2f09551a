"""Gated fusion of any subset of input groups.

Each group has an encoder that makes one token; an absent group's token is learned. A sigmoid gate weighs each token by
what the others say, a small trunk mixes them, and a linear path beside it keeps what is simply additive. Hazards follow
Gensheimer and Narasimhan, PeerJ 2019, 7:e6257.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tumorcast_fusion.model.encoding import group_slices
from tumorcast_fusion.model.manifest import Manifest


class GatedTrunk(nn.Module):
    """What every fusion network begins with: rows (n, width), present (n, groups) → mixed and everything."""

    def __init__(self, slices: Sequence[slice], token_width: int, hidden_width: int, dropout: float = 0.0) -> None:
        super().__init__()
        width, hidden = token_width, hidden_width
        self.slices = slices
        groups = len(slices)
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Linear(s.stop - s.start, hidden), nn.GELU(), nn.Linear(hidden, width)) for s in slices
        )
        self.absent = nn.Parameter(0.1 * torch.randn(groups, width))
        self.gate = nn.Linear(groups * width, groups)
        self.trunk = nn.Sequential(
            nn.Linear(groups * width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )

    def forward(self, rows: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed tokens (n, hidden), and those with the visible inputs and flags (n, hidden + width + groups).

        Values of absent groups have no effect.
        """
        here = present.to(rows.dtype)
        tokens, visible = [], []
        for g, (part, encoder) in enumerate(zip(self.slices, self.encoders, strict=True)):
            on = here[:, g : g + 1]
            values = rows[:, part] * on
            tokens.append(on * encoder(values) + (1 - on) * self.absent[g])
            visible.append(values)
        stacked = torch.stack(tokens, dim=1)
        gates = torch.sigmoid(self.gate(stacked.flatten(1)))
        mixed = self.trunk((stacked * gates.unsqueeze(-1)).flatten(1))
        return mixed, torch.cat([mixed, *visible, here], dim=1)


class FusionNetwork(GatedTrunk):
    """One ensemble member: rows (n, width), present (n, groups) → response logit (n,), hazard logits (n, intervals)."""

    def __init__(self, manifest: Manifest, dropout: float = 0.0) -> None:
        slices, hidden = group_slices(manifest), manifest.hidden_width
        super().__init__(slices, manifest.token_width, hidden, dropout)
        wide = hidden + slices[-1].stop + len(slices)
        self.response = nn.Linear(wide, 1)
        self.hazard = nn.Linear(wide, 1)
        self.hazard_shape = nn.Linear(hidden, len(manifest.edges_days))

    def forward(self, rows: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Response logit (n,) and hazard logits (n, intervals)."""
        mixed, everything = super().forward(rows, present)
        return self.response(everything).squeeze(1), self.hazard(everything) + self.hazard_shape(mixed)
