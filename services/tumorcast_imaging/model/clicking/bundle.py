"""A MONAI bundle in the place of the click network.

Two kinds are taken: one whose network reads the image alone (one channel), run over the whole series as the bundle
preprocesses it, and one whose network reads a click's channels, which looks as the shipped network does. Weights are
tensors only: safetensors, or a .pt that ``torch.load(weights_only=True)`` takes; TorchScript is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from scipy import ndimage

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.clicking.bundle_config import BundleConfig, read_config
from tumorcast_imaging.model.clicking.looking import LookingSegmenter
from tumorcast_imaging.model.clicking.network import ClickNetwork, SegmenterManifest
from tumorcast_imaging.model.clicking.segmenting import Seen, Segmenter, index_of
from tumorcast_imaging.model.clicking.view import CHANNELS

_MOST_PARAMETERS = 200_000_000
_MOST_BYTES = 2 << 30
_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LABELS = (("L", "R"), ("P", "A"), ("I", "S"))
State = dict[str, torch.Tensor]


def is_bundle(folder: Path) -> bool:
    """Whether a folder looks like a MONAI bundle."""
    return (folder / "configs").is_dir()


def load_bundle(folder: str | Path) -> Segmenter:
    """The bundle's network; raises ``InvalidInput`` where it asks for code to be run or does not fit together."""
    config = read_config(Path(folder))
    if config.in_channels not in (1, CHANNELS):
        raise InvalidInput("The bundle's network reads neither one image nor a click's channels.")
    data, suffix = _weights(Path(folder) / "models")
    network = _network(config, _state(data, suffix))
    digest = hashlib.sha256(data).hexdigest()
    if config.in_channels == CHANNELS:
        manifest = SegmenterManifest(
            name="bundle", version="not stated", training_data="not stated", weights_sha256=digest
        )
        return LookingSegmenter(ClickNetwork(manifest, network))
    return ImageBundle(config, network.eval(), f"bundle@{digest[:12]}/float32")


class ImageBundle:
    """A bundle whose network reads the image alone; the lesion is the class that it gives at the seed."""

    def __init__(self, config: BundleConfig, network: torch.nn.Module, name: str) -> None:
        self.config, self.network, self._name = config, network, name

    @property
    def name(self) -> str:
        """``bundle@digest/float32``."""
        return self._name

    @property
    def version(self) -> str:
        """A bundle is told by its digest."""
        return "not stated"

    def see(self, volume: Volume, seed_lps_mm: NDArray[np.float64]) -> Seen:
        """Probability on all of the volume's voxels."""
        from monai.inferers.inferer import SlidingWindowInferer

        image, to_lps = self.prepared(volume)
        with torch.inference_mode():
            window = SlidingWindowInferer(self.config.roi, overlap=self.config.overlap)
            logits = window(image[None], self.network)[0]
        to_grid = np.linalg.inv(to_lps) @ volume.affine_lps
        seed = to_grid @ [*index_of(volume, list(seed_lps_mm)), 1]
        probability = lesion_probability(logits, seed[:3])
        on_voxels = ndimage.affine_transform(
            probability, to_grid[:3, :3], to_grid[:3, 3], output_shape=volume.array.shape, order=1, mode="nearest"
        )
        a, b, c = (slice(0, n) for n in volume.array.shape)
        return Seen(on_voxels.astype(np.float32), (a, b, c))

    def prepared(self, volume: Volume) -> tuple[torch.Tensor, NDArray[np.float64]]:
        """(1, …) image as the bundle's transforms leave it, and its affine: index → LPS millimeters.

        MONAI keeps affines in RAS and turns the array as ``Orientationd`` says; the labels are given, so that a bundle
        that asks for RAS gets RAS whatever the version of MONAI takes for its default.
        """
        from monai.bundle.config_parser import ConfigParser
        from monai.data.meta_tensor import MetaTensor

        array = torch.from_numpy(np.ascontiguousarray(volume.array[None]))
        data = {"image": MetaTensor(array, affine=torch.from_numpy(_RAS @ volume.affine_lps))}
        for entry in self.config.parts["transforms"]:
            about = dict(entry)
            if about["_target_"].endswith(".Orientationd"):
                about["labels"] = _LABELS
            data = ConfigParser({"transform": about}).get_parsed_content("transform")(data)
        image = data["image"]
        return image.as_tensor().float(), _RAS @ np.asarray(image.affine, float)


def lesion_probability(logits: torch.Tensor, seed: NDArray[np.float64]) -> NDArray[np.float32]:
    """(C, …) logits → probability of what is at the seed: of its class, or of any where background wins there."""
    if logits.shape[0] == 1:
        return torch.sigmoid(logits[0]).float().numpy()
    classes = torch.softmax(logits.float(), dim=0)
    at = np.clip(np.round(seed), 0, np.array(logits.shape[1:]) - 1).astype(int)
    winner = int(classes[:, at[0], at[1], at[2]].argmax())
    chosen: NDArray[np.float32] = (classes[winner] if winner else 1 - classes[0]).numpy()
    return chosen


def _weights(folder: Path) -> tuple[bytes, str]:
    for name in ("model.safetensors", "model.pt"):
        path = folder / name
        if path.is_file():
            if path.stat().st_size > _MOST_BYTES:
                raise InvalidInput("The bundle's weights are larger than the limit.")
            return path.read_bytes(), path.suffix
    if (folder / "model.ts").is_file():
        raise InvalidInput("The bundle's weights are TorchScript, which is a program; models/model.pt is needed.")
    raise InvalidInput("The bundle's weights are missing: models/model.safetensors or models/model.pt.")


def _state(data: bytes, suffix: str) -> State:
    """The tensors by name; a pickle that holds anything else is refused before it runs."""
    import io
    import pickle
    import warnings

    try:
        found: Any
        if suffix == ".safetensors":
            found = load_tensors(data)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of pickles that are refused all the same
                found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as e:
        raise InvalidInput("The bundle's weights are not plain tensors.") from e
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise InvalidInput("The bundle's weights are not plain tensors.")
    return {str(name): tensor.float() if tensor.is_floating_point() else tensor for name, tensor in found.items()}


def _network(config: BundleConfig, state: State) -> torch.nn.Module:
    """Built without memory first, so that its size is known before it takes any."""
    from monai.bundle.config_parser import ConfigParser

    parts = {"network_def": config.parts["network_def"]}
    try:
        with torch.device("meta"):
            sketch = ConfigParser(parts).get_parsed_content("network_def")
        if sum(p.numel() for p in sketch.parameters()) > _MOST_PARAMETERS:
            raise InvalidInput("The bundle's network is larger than the limit.")
        network: torch.nn.Module = ConfigParser(parts).get_parsed_content("network_def")
        network.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError, ModuleNotFoundError) as e:
        raise InvalidInput("The bundle's network and its weights do not fit together.") from e
    return network
