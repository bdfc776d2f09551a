"""MONAI's transformers as encoders: tokens or a map of features → one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from tumorcast_imaging.model.architectures import CHANNELS

if TYPE_CHECKING:
    from tumorcast_imaging.model.architectures import SwinArchitecture, ViTArchitecture


class ClassToken(nn.Module):
    """A ViT whose class token is laid out as the embedding."""

    def __init__(self, spec: ViTArchitecture, voxels: int, embedding_dim: int) -> None:
        super().__init__()
        self.body = ViT(
            CHANNELS,
            (voxels,) * 3,
            (spec.patch,) * 3,
            hidden_size=spec.hidden,
            mlp_dim=spec.mlp,
            num_layers=spec.layers,
            num_heads=spec.heads,
            proj_type="conv",
            classification=True,
            num_classes=embedding_dim,
            post_activation="none",
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2, N, N, N) → (B, dim)."""
        out: Tensor = self.body(x.contiguous())[0]
        return out


class PooledSwin(nn.Module):
    """A Swin transformer whose last stage is averaged over space."""

    def __init__(self, spec: SwinArchitecture, embedding_dim: int) -> None:
        super().__init__()
        self.body = SwinTransformer(
            CHANNELS,
            spec.embed,
            (spec.window,) * 3,
            (spec.patch,) * 3,
            spec.depths,
            spec.heads,
            spatial_dims=3,
        )
        self.head = nn.Linear(16 * spec.embed, embedding_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2, N, N, N) → (B, dim)."""
        last: Tensor = self.body(x.contiguous())[-1]
        out: Tensor = self.head(last.mean((2, 3, 4)))
        return out
