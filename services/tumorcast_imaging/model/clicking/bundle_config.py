"""A MONAI bundle's configuration, read as data: nothing in it is ever evaluated.

A bundle names Python objects (``_target_``) and may hold expressions (``$…``); MONAI runs both. Here only the network
and the preprocessing are read, only segmentation networks and transforms of two closed lists may be named, and every
expression, macro or unknown name that they need refuses the bundle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tumorcast_core.errors import InvalidInput, UnknownModel

NETWORKS = frozenset(
    ("AttentionUnet", "BasicUNet", "DynUNet", "SegResNet", "SegResNetDS", "SwinUNETR", "UNETR", "UNet", "VNet")
)
"""Networks that give one tensor of logits when they do not train."""
_TURNING = frozenset(("Orientationd", "Spacingd"))
_INTENSITY = frozenset(
    (
        "ClipIntensityPercentilesd",
        "NormalizeIntensityd",
        "ScaleIntensityRanged",
        "ScaleIntensityRangePercentilesd",
        "ScaleIntensityd",
        "ThresholdIntensityd",
    )
)
_READ_OTHERWISE = frozenset(
    ("AddChanneld", "CastToTyped", "EnsureChannelFirstd", "EnsureTyped", "LoadImaged", "ToTensord")
)
_PREFIXES = ("monai.networks.nets.", "monai.transforms.")
_MOST_BYTES = 1 << 20
_REFERENCE = re.compile(r"^@([A-Za-z_]\w*)((?:(?:::|#)\w+)*)$")
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BundleConfig:
    """``parts`` is a configuration without expressions: ``network_def`` and a list ``transforms``.

    ``roi`` and ``overlap`` are those of the bundle's sliding window.
    """

    parts: Config
    in_channels: int
    roi: tuple[int, int, int] = (96, 96, 96)
    overlap: float = 0.25


def read_config(folder: Path) -> BundleConfig:
    """Read ``configs/inference.json`` or ``.yaml``; ``UnknownModel`` if there is none, ``InvalidInput`` if refused."""
    whole = _loaded(folder / "configs")
    network = _plain(whole, whole.get("network_def", whole.get("network")))
    if not isinstance(network, dict):
        raise InvalidInput("The bundle does not define its network as network_def.")
    network = {**network, "_target_": "monai.networks.nets." + _class_name(network, NETWORKS, "network")}
    if any(key.startswith("pretrained") and value for key, value in network.items()):
        raise InvalidInput("The bundle's network asks for weights from elsewhere.")
    transforms = list(_transforms(whole))
    roi, overlap = _window(whole)
    channels = network.get("in_channels", 1)
    if not isinstance(channels, int):
        raise InvalidInput("The bundle's network does not say how many channels it reads.")
    return BundleConfig({"network_def": network, "transforms": transforms}, channels, roi, overlap)


def _loaded(folder: Path) -> Config:
    for name in ("inference.json", "inference.yaml", "inference.yml"):
        path = folder / name
        if not path.is_file():
            continue
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput("The bundle's configuration is larger than the limit.")
        try:
            text = path.read_text(encoding="utf-8")
            found = json.loads(text) if name.endswith("json") else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as e:
            raise InvalidInput("The bundle's configuration cannot be read.") from e
        if not isinstance(found, dict):
            raise InvalidInput("The bundle's configuration is not an object.")
        return found
    raise UnknownModel("The folder holds no MONAI bundle: configs/inference.json or .yaml is missing.")


def _plain(whole: Config, value: Any, depth: int = 0) -> Any:
    """A value with its references put in; raises ``InvalidInput`` at the first thing that MONAI would have to run."""
    if depth > 20:
        raise InvalidInput("The bundle's configuration refers to itself or is nested too deeply.")
    if isinstance(value, dict):
        return {str(key): _plain(whole, entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(whole, entry, depth + 1) for entry in value]
    if not isinstance(value, str):
        return value
    if value.startswith(("$", "%")):
        raise InvalidInput("The bundle's network or preprocessing needs an expression or macro, which is never run.")
    if not value.startswith("@"):
        return value
    return _plain(whole, _referred(whole, value), depth + 1)


def _referred(whole: Config, reference: str) -> Any:
    match = _REFERENCE.match(reference)
    found: Any = whole.get(match.group(1)) if match else None
    for key in re.findall(r"\w+", match.group(2)) if match else ():
        if isinstance(found, list):
            found = found[int(key)] if key.isdigit() and int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        raise InvalidInput("The bundle's configuration refers to something that it does not hold.")
    return found


def _class_name(entry: Config, allowed: frozenset[str], what: str) -> str:
    target = entry.get("_target_")
    name = target if isinstance(target, str) else ""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            name = name.rpartition(".")[2]
    if name not in allowed:
        raise InvalidInput(f"The bundle names a {what} that is not among those that may be loaded.")
    if set(entry) & {"_mode_", "_requires_"}:
        raise InvalidInput("The bundle's configuration asks for more than to make an object.")
    return name


def _transforms(whole: Config) -> Iterator[dict[str, Any]]:
    """The preprocessing of the image, in order; what reads files or adds channels is done here otherwise."""
    entry = whole.get("preprocessing")
    listed = entry.get("transforms") if isinstance(entry, dict) else entry
    listed = _referred(whole, listed) if isinstance(listed, str) and listed.startswith("@") else listed
    if not isinstance(listed, list):
        raise InvalidInput("The bundle's preprocessing is not a list of transforms.")
    for one in listed:
        if not isinstance(one, dict):
            raise InvalidInput("The bundle's preprocessing is not a list of transforms.")
        if one.get("_disabled_") is True:
            continue
        name = _class_name(one, _TURNING | _INTENSITY | _READ_OTHERWISE, "transform")
        if name in _READ_OTHERWISE:
            continue
        arguments = {k: _plain(whole, v) for k, v in one.items() if k not in ("_target_", "_disabled_", "keys")}
        yield {**arguments, "_target_": f"monai.transforms.{name}", "keys": "image"}


def _window(whole: Config) -> tuple[tuple[int, int, int], float]:
    """Size and overlap of the sliding window, where they are plain numbers."""
    inferer = whole.get("inferer")
    found = inferer if isinstance(inferer, dict) else {}
    roi, overlap = (_plain(whole, found.get(key)) for key in ("roi_size", "overlap"))
    sound = isinstance(roi, list) and len(roi) == 3 and all(isinstance(n, int) and 16 <= n <= 256 for n in roi)
    size = (roi[0], roi[1], roi[2]) if sound else (96, 96, 96)
    return size, float(overlap) if isinstance(overlap, int | float) and 0 <= overlap < 1 else 0.25
