"""Networks by name: 3-D ResNet, DenseNet, ViT and Swin of MONAI, each (B, 2, N, N, N) → (B, embedding_dim).

The classes are MONAI's own, so that weights trained with MONAI elsewhere fit (``weights.transfer``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from torch import nn

CHANNELS = 2
"""Intensity and mask."""
Positive = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResNetArchitecture(_Strict):
    """Arguments of MONAI's 3-D ``ResNet`` (monai.networks.nets.resnet)."""

    kind: Literal["monai.ResNet"] = "monai.ResNet"
    block: Literal["basic", "bottleneck"] = "basic"
    layers: tuple[Positive, Positive, Positive, Positive] = (1, 1, 1, 1)
    block_inplanes: tuple[Positive, Positive, Positive, Positive] = (16, 32, 64, 128)
    conv1_t_size: Positive = 5
    conv1_t_stride: Positive = 2
    no_max_pool: bool = True
    shortcut_type: Literal["A", "B"] = "B"
    norm: Literal["batch", "instance"] = "batch"

    def build(self, voxels: int, embedding_dim: int) -> nn.Module:  # noqa: ARG002 - it takes any size
        """The network with fresh weights."""
        from monai.networks.nets.resnet import ResNet  # slow to import

        network: nn.Module = ResNet(
            self.block,
            list(self.layers),
            list(self.block_inplanes),
            spatial_dims=3,
            n_input_channels=CHANNELS,
            conv1_t_size=self.conv1_t_size,
            conv1_t_stride=self.conv1_t_stride,
            no_max_pool=self.no_max_pool,
            shortcut_type=self.shortcut_type,
            norm=("instance", {"affine": True}) if self.norm == "instance" else self.norm,  # MONAI fails on one without
            num_classes=embedding_dim,
            feed_forward=True,
        )
        return network


class DenseNetArchitecture(_Strict):
    """Arguments of MONAI's 3-D ``DenseNet`` (monai.networks.nets.densenet)."""

    kind: Literal["monai.DenseNet"]
    init_features: Positive = 16
    growth_rate: Positive = 8
    block_config: tuple[Positive, ...] = Field((2, 4, 4), min_length=1)

    def build(self, voxels: int, embedding_dim: int) -> nn.Module:
        """The network with fresh weights."""
        from monai.networks.nets.densenet import DenseNet

        if voxels < 4 * 2 ** (len(self.block_config) - 1):
            raise ValueError("the crop is too small for so many blocks")
        network: nn.Module = DenseNet(
            3, CHANNELS, embedding_dim, self.init_features, self.growth_rate, self.block_config
        )
        return network


class ViTArchitecture(_Strict):
    """Arguments of MONAI's 3-D ``ViT`` (monai.networks.nets.vit), read off at its class token."""

    kind: Literal["monai.ViT"]
    patch: Positive = 8
    hidden: Positive = 96
    mlp: Positive = 192
    layers: Positive = 4
    heads: Positive = 4

    def build(self, voxels: int, embedding_dim: int) -> nn.Module:
        """The network with fresh weights."""
        from tumorcast_imaging.model.transformers import ClassToken

        if voxels % self.patch or self.hidden % self.heads:
            raise ValueError("patches must divide the crop, and heads the hidden width")
        return ClassToken(self, voxels, embedding_dim)


class SwinArchitecture(_Strict):
    """Arguments of MONAI's 3-D ``SwinTransformer`` (monai.networks.nets.swin_unetr), its last stage averaged."""

    kind: Literal["monai.Swin"]
    embed: Positive = 24
    window: Positive = 4
    patch: Positive = 2
    depths: tuple[Positive, Positive, Positive, Positive] = (1, 1, 2, 1)
    heads: tuple[Positive, Positive, Positive, Positive] = (2, 2, 4, 4)

    def build(self, voxels: int, embedding_dim: int) -> nn.Module:
        """The network with fresh weights."""
        from tumorcast_imaging.model.transformers import PooledSwin

        if voxels % (self.patch * 16):
            raise ValueError("the crop must be a multiple of 16 patches: each of four stages halves it")
        if any(self.embed * 2**stage % heads for stage, heads in enumerate(self.heads)):
            raise ValueError("heads must divide the width of their stage")
        return PooledSwin(self, embedding_dim)


Architecture = Annotated[
    ResNetArchitecture | DenseNetArchitecture | ViTArchitecture | SwinArchitecture, Field(discriminator="kind")
]
