"""An encoder: crop in, vector out; the same vector in any company, on any number of threads.

A forward pass always has the same batch shape on one device (one crop on a CPU, a padded batch on a GPU), so that the
same kernels run with the same order of summation whatever else waits in the queue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as save_tensors

from tumorcast_core.errors import InvalidInput, MalformedRequest
from tumorcast_imaging.model.crop import Crop
from tumorcast_imaging.model.forward import Forward, native_bf16, prepare
from tumorcast_imaging.model.manifest import EncoderManifest
from tumorcast_imaging.model.weights import fetch, tensors_of

WEIGHTS_FILE = "weights.safetensors"
_GPU_BATCH = 4


def build_network(manifest: EncoderManifest) -> torch.nn.Module:
    """The network of a manifest with fresh weights: float (B, 2, N, N, N) → (B, embedding_dim)."""
    try:
        return manifest.architecture.build(manifest.crop.voxels, manifest.embedding_dim)
    except ValueError as e:
        raise InvalidInput("An encoder's architecture does not fit its crop.") from e


def best_precision(device: torch.device) -> str:
    """``bf16`` where the hardware multiplies it natively (GPU, AVX512-BF16 or AMX), else ``float32``.

    Emulated bf16 is slower than float32 and rounds all the same.
    """
    return "bf16" if native_bf16(device) else "float32"


class Encoder:
    """Turns crops into vectors; ``network`` is the torch module, ``manifest`` what it is."""

    def __init__(
        self, manifest: EncoderManifest, network: torch.nn.Module, *, precision: str = "", device: str = "cpu"
    ) -> None:
        self.manifest = manifest
        self.device = torch.device(device)
        self.precision = precision or best_precision(self.device)
        if self.precision not in ("bf16", "float32"):
            raise InvalidInput("An encoder's precision is bf16 or float32.")
        self.network = network.to(self.device, memory_format=torch.channels_last_3d).eval()  # type: ignore[call-overload]
        self._tensors = (*self.network.parameters(), *self.network.buffers())
        self._prepared: tuple[tuple[int, ...], Forward] | None = None

    @classmethod
    def load(cls, folder: str | Path, *, precision: str = "", device: str = "cpu") -> Encoder:
        """Load ``folder``; raises ``InvalidInput`` unless the weights are the very ones that the manifest names."""
        manifest = EncoderManifest.load(folder)
        data = fetch(manifest.weights_url or Path(folder, WEIGHTS_FILE), manifest.weights_sha256)
        return cls.of_weights(manifest, data, precision=precision, device=device)

    @classmethod
    def of_weights(cls, manifest: EncoderManifest, data: bytes, *, precision: str = "", device: str = "cpu") -> Encoder:
        """An encoder of a weights file's content; raises ``InvalidInput`` where it does not fit the architecture."""
        network = build_network(manifest)
        try:
            network.load_state_dict(tensors_of(data))
        except RuntimeError as e:
            raise InvalidInput("An encoder's weights do not fit its architecture.") from e
        return cls(manifest, network, precision=precision, device=device)

    @classmethod
    def untrained(cls, manifest: EncoderManifest, seed: int, *, precision: str = "", device: str = "cpu") -> Encoder:
        """A network with random weights, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_network(manifest)
        return cls(manifest, network, precision=precision, device=device)

    def save(self, folder: str | Path) -> None:
        """Write weights.safetensors and manifest.yaml; this encoder takes on the weights' digest."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        data = self.weights()
        self.manifest = self.manifest.model_copy(update={"weights_sha256": hashlib.sha256(data).hexdigest()})
        Path(folder, WEIGHTS_FILE).write_bytes(data)
        self.manifest.save(folder)

    @property
    def embedding_space(self) -> str:
        """``name@digest/precision``: vectors of two spaces must never be compared."""
        digest = self.manifest.weights_sha256 or hashlib.sha256(self.weights()).hexdigest()
        return f"{self.manifest.name}@{digest[:12]}/{self.precision}"

    def encode(self, crops: Sequence[Crop]) -> list[NDArray[np.float32]]:
        """One float32 vector (embedding_dim,) per crop; raises ``MalformedRequest`` if a crop does not fit."""
        shape = (2, *(self.manifest.crop.voxels,) * 3)
        if any(crop.array.shape != shape for crop in crops):
            raise MalformedRequest("A crop does not have the shape that the encoder reads.")
        size = _GPU_BATCH if self.device.type == "cuda" else 1
        forward = self._forward()
        vectors: list[NDArray[np.float32]] = []
        for start in range(0, len(crops), size):
            chosen = crops[start : start + size]
            vectors += list(forward(_batch(chosen, size))[: len(chosen)])
        return vectors

    def warm_up(self) -> None:
        """Run once on nothing: the first pass folds weights and picks kernels, and is ten times slower."""
        self.encode([Crop(self.manifest.name, np.zeros((2, *(self.manifest.crop.voxels,) * 3), np.float32), "")])

    def _forward(self) -> Forward:
        """The forward pass of the weights as they are now; made anew after training went on."""
        stamp = tuple(-1 if tensor.is_inference() else tensor._version for tensor in self._tensors)
        if self._prepared is None or self._prepared[0] != stamp:
            dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
            self._prepared = stamp, prepare(self.network, self.manifest.architecture, self.device, dtype)
        return self._prepared[1]

    def weights(self) -> bytes:
        """Its weights as a safetensors file."""
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        data: bytes = save_tensors(state)
        return data


def _batch(crops: Sequence[Crop], size: int) -> NDArray[np.float32]:
    """(size, 2, N, N, N), padded with zeros; torch wants it writable."""
    if size == 1:
        return np.require(crops[0].array[None], np.float32, ["C", "W"])
    batch = np.zeros((size, *crops[0].array.shape), np.float32)
    batch[: len(crops)] = [crop.array for crop in crops]
    return batch
