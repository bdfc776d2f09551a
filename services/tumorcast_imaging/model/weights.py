"""Weights from a path or any fsspec URL, taken only if they have the digest that was promised.

safetensors, or torch files read with ``weights_only``: neither runs code of its own.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from tumorcast_core.errors import InvalidInput, PayloadTooLarge

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_BYTES = 4 << 30
_PREFIXES = ("module.", "network.", "model.", "encoder.", "swinViT.")


def fetch(where: str | Path, sha256: str) -> bytes:
    """The file at a path or fsspec URL; raises ``InvalidInput`` unless it is there and has that SHA-256."""
    import fsspec  # slow to import

    try:
        with fsspec.open(str(where), "rb") as file:
            data: bytes = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, ImportError) as e:
        raise InvalidInput("An encoder's weights cannot be fetched.") from e
    if len(data) > MAX_BYTES:
        raise PayloadTooLarge("An encoder's weights are larger than 4 GiB.")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidInput("An encoder's weights do not have the promised SHA-256.")
    return data


def tensors_of(data: bytes) -> dict[str, Tensor]:
    """State dict of a safetensors file, or of a torch file without code; raises ``InvalidInput``."""
    try:
        return dict(load_safetensors(data))
    except SafetensorError:
        pass
    try:
        with warnings.catch_warnings(action="ignore"):  # about old pickles, which are refused or read all the same
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as e:
        raise InvalidInput("An encoder's weights are neither safetensors nor a torch file without code.") from e
    for key in ("state_dict", "model", "net"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise InvalidInput("An encoder's weights hold no state dict.")
    return loaded


def transfer(network: nn.Module, tensors: dict[str, Tensor]) -> tuple[str, ...]:
    """Take over every tensor of the same name and shape, common prefixes aside; returns the names that were taken.

    A first convolution of another number of input channels is averaged over them and scaled, so that intensity alone
    excites it as before. Raises ``InvalidInput`` where nothing fits.
    """
    state = network.state_dict()
    given = {_bare(name): tensor for name, tensor in tensors.items()}
    taken: dict[str, Tensor] = {}
    for name, old in state.items():
        new = given.get(_bare(name))
        if new is None:
            continue
        if new.shape == old.shape:
            taken[name] = new.to(old.dtype)
        elif new.ndim == 5 and new.shape[0] == old.shape[0] and new.shape[2:] == old.shape[2:]:
            mean = new.mean(dim=1, keepdim=True).expand_as(old) * (new.shape[1] / old.shape[1])
            taken[name] = mean.to(old.dtype).contiguous()
    if not taken:
        raise InvalidInput("None of the given weights fits the encoder's architecture.")
    network.load_state_dict({**state, **taken})
    return tuple(taken)


def _bare(name: str) -> str:
    """The name without wrappers' prefixes, and without ``body.`` of ours.

    >>> _bare("module.body.layer1.0.conv1.weight")
    'layer1.0.conv1.weight'
    """
    stripped = True
    while stripped:
        stripped = False
        for prefix in (*_PREFIXES, "body."):
            if name.startswith(prefix):
                name, stripped = name.removeprefix(prefix), True
    return name
