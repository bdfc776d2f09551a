"""Versions of the tiny model, published as a model is, for tests of the model store."""

from __future__ import annotations

from pathlib import Path

import torch

from support.fusion import MANIFEST
from tumorcast_fusion.adapters.cached_models import ModelCache
from tumorcast_fusion.adapters.live_models import LiveModels
from tumorcast_fusion.adapters.model_store import VersionStore
from tumorcast_fusion.adapters.model_store.versions import LoadedVersion
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.model.ensemble import Ensemble
from tumorcast_fusion.model.generation import Generation
from tumorcast_fusion.model.manifest import dump
from tumorcast_fusion.model.network import FusionNetwork
from tumorcast_training.publishing import write_sums


def published(folder: Path, version: str, *, seed: int = 0, name: str = MANIFEST.name) -> Path:
    """The tiny model under another version with weights of its own, in ``folder``, which is given back."""
    torch.manual_seed(seed)
    manifest = MANIFEST.model_copy(update={"version": version, "name": name})
    dump(manifest, folder)
    Ensemble(manifest, [FusionNetwork(manifest) for _ in range(manifest.members)]).save(folder)
    (folder / "card.md").write_text(f"# {name} {version}\n")
    write_sums(folder)
    return folder


def record(number: int, active: LoadedVersion | None, shadow: LoadedVersion | None = None, **more: str) -> Generation:
    """A record of the tiny model; ``None`` as the active version: the shipped one."""
    return Generation(
        number=number,
        model=MANIFEST.name,
        active=active.version if active else "shipped",
        active_sha256=active.model.ref.sha256 if active else "",
        shadow=shadow.version if shadow else "",
        shadow_sha256=shadow.model.ref.sha256 if shadow else "",
        **more,
    )


def put(store: VersionStore, active: LoadedVersion | None, shadow: LoadedVersion | None = None) -> Generation:
    """Write the next record of the tiny model."""
    return store.append(MANIFEST.name, lambda _, number: record(number, active, shadow))


def shipped(folder: Path) -> ModelStore:
    """A folder of shipped models: the tiny one."""
    published(folder / MANIFEST.name, "0.0.1")
    return ModelStore(folder)


def replica(folder: Path, store: VersionStore, *, cache: str = "cache") -> LiveModels:
    """The models of one replica that follows ``store``."""
    return LiveModels(shipped(folder / "shipped"), store, ModelCache(folder / cache), retry_s=0.0)
