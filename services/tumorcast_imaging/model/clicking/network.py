"""The network behind a click: its manifest, its weights, its forward pass."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from tumorcast_core.errors import InvalidInput, UnknownModel
from tumorcast_imaging.model.clicking.view import CHANNELS, MODALITIES, VOXELS
from tumorcast_imaging.model.forward import native_bf16

MANIFEST_FILE, WEIGHTS_FILE = "manifest.yaml", "weights.safetensors"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UNetArchitecture(_Strict):
    """Arguments of MONAI's ``UNet`` (monai.networks.nets.unet)."""

    kind: Literal["monai.UNet"] = "monai.UNet"
    channels: tuple[int, ...] = Field((16, 32, 64, 128), min_length=2, max_length=6)
    strides: tuple[int, ...] = (2, 2, 2)
    num_res_units: int = Field(1, ge=0, le=4)
    norm: Literal["batch"] = "batch"


class SegmenterManifest(_Strict):
    """One click segmenter: what it reads, how it is built, what it was trained on."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str
    dicom_modalities: tuple[Literal["PT", "CT", "MR"], ...] = MODALITIES
    channels: Literal[8] = CHANNELS  # type: ignore[assignment]
    voxels: Literal[48] = VOXELS  # type: ignore[assignment]
    architecture: UNetArchitecture = UNetArchitecture()
    training_data: str
    simulated: bool = False
    weights_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")

    @classmethod
    def load(cls, folder: str | Path) -> SegmenterManifest:
        """Read ``folder``/manifest.yaml; raises ``UnknownModel`` if there is none, ``InvalidInput`` if it is wrong."""
        try:
            text = Path(folder, MANIFEST_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise UnknownModel("There is no segmenter in that folder.") from e
        try:
            return cls.model_validate(yaml.safe_load(text))
        except (yaml.YAMLError, ValidationError) as e:
            raise InvalidInput("A segmenter's manifest does not follow its schema.") from e

    def save(self, folder: str | Path) -> None:
        """Write ``folder``/manifest.yaml."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
        Path(folder, MANIFEST_FILE).write_text(text, encoding="utf-8")


def build_network(manifest: SegmenterManifest) -> torch.nn.Module:
    """The network of a manifest with fresh weights: float (B, CHANNELS, N, N, N) → logits (B, 1, N, N, N)."""
    from monai.networks.nets.unet import UNet  # slow to import

    spec = manifest.architecture
    network: torch.nn.Module = UNet(
        spatial_dims=3,
        in_channels=manifest.channels,
        out_channels=1,
        channels=spec.channels,
        strides=spec.strides,
        num_res_units=spec.num_res_units,
        norm=spec.norm,
    )
    return network


class ClickNetwork:
    """Gives the probability of lesion in a view; ``network`` is the torch module, ``manifest`` what it is."""

    def __init__(self, manifest: SegmenterManifest, network: torch.nn.Module, *, precision: str = "") -> None:
        self.manifest = manifest
        self.precision = precision or ("bf16" if native_bf16(torch.device("cpu")) else "float32")
        self.network = network.to(memory_format=torch.channels_last_3d).eval()  # type: ignore[call-overload]

    @classmethod
    def untrained(cls, manifest: SegmenterManifest, seed: int, *, precision: str = "") -> ClickNetwork:
        """A network with random weights, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_network(manifest)
        return cls(manifest, network, precision=precision)

    @classmethod
    def load(cls, folder: str | Path, *, precision: str = "") -> ClickNetwork:
        """Load ``folder``; raises ``InvalidInput`` unless the weights are the very ones that the manifest names."""
        manifest = SegmenterManifest.load(folder)
        try:
            data = Path(folder, WEIGHTS_FILE).read_bytes()
        except OSError as e:
            raise InvalidInput("A segmenter's weights are missing.") from e
        if hashlib.sha256(data).hexdigest() != manifest.weights_sha256:
            raise InvalidInput("A segmenter's weights do not match the sha256 in its manifest.")
        network = build_network(manifest)
        try:
            network.load_state_dict({name: tensor.float() for name, tensor in load_tensors(data).items()})
        except (RuntimeError, SafetensorError) as e:
            raise InvalidInput("A segmenter's weights do not fit its architecture.") from e
        return cls(manifest, network, precision=precision)

    def save(self, folder: str | Path) -> None:
        """Write weights.safetensors and manifest.yaml; this network takes on the weights' digest."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        state = {name: tensor.detach().float().contiguous() for name, tensor in self.network.state_dict().items()}
        data: bytes = save_tensors(state)
        self.manifest = self.manifest.model_copy(update={"weights_sha256": hashlib.sha256(data).hexdigest()})
        Path(folder, WEIGHTS_FILE).write_bytes(data)
        self.manifest.save(folder)

    def probability(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, CHANNELS, N, N, N) → (B, N, N, N) in [0, 1]; each alone, so that none depends on its company."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            each = [self.network(one[None].contiguous(memory_format=torch.channels_last_3d)) for one in inputs]
            return torch.sigmoid(torch.cat(each)[:, 0].float())
