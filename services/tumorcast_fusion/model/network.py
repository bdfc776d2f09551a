"""Gated fusion of any subset of input groups, with a response head and a discrete-time hazard head.

Each group has an encoder that makes one token; an absent group's token is learned. A sigmoid gate weighs each token by
what the others say, a small trunk mixes them, and a linear path beside it keeps what is simply additive. Hazards follow
Gensheimer and Narasimhan, PeerJ 2019, 7:e6257.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tumorcast_fusion.model.encoding import group_slices
from tumorcast_fusion.model.manifest import Manifest


class FusionNetwork(nn.Module):
    """One ensemble member: rows (n, width), present (n, groups) → response logit (n,), hazard logits (n, intervals)."""

    def __init__(self, manifest: Manifest, dropout: float = 0.0) -> None:
        super().__init__()
        width, hidden = manifest.token_width, manifest.hidden_width
        self.slices = group_slices(manifest)
        groups, total = len(self.slices), self.slices[-1].stop
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Linear(s.stop - s.start, hidden), nn.GELU(), nn.Linear(hidden, width)) for s in self.slices
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
        intervals = len(manifest.edges_days)
        self.response = nn.Linear(hidden + total + groups, 1)
        self.hazard = nn.Linear(hidden + total + groups, 1)
        self.hazard_shape = nn.Linear(hidden, intervals)

    def forward(self, rows: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Response logit (n,) and hazard logits (n, intervals); values of absent groups have no effect."""
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
        everything = torch.cat([mixed, *visible, here], dim=1)
        hazard = self.hazard(everything) + self.hazard_shape(mixed)
        return self.response(everything).squeeze(1), hazard
