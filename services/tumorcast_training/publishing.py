"""What stands in a model's folder beside its weights: metrics, card, and the digests to verify it by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tumorcast_fusion.model import manifest as manifests
from tumorcast_training.blueprint import Blueprint
from tumorcast_training.cards import card

METRICS, CARD, PLOTS, SUMS = "metrics.json", "card.md", "plots", "SHA256SUMS"


def publish(folder: Path, blueprint: Blueprint) -> None:
    """Write the card from manifest and metrics, then the digests of all files."""
    manifest = manifests.load(folder)
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    plots = {file.stem: f"{PLOTS}/{file.name}" for file in sorted((folder / PLOTS).glob("*.svg"))}
    sha256 = manifests.reference(folder, manifest).sha256
    (folder / CARD).write_text(card(manifest, blueprint, metrics, sha256, plots), encoding="utf-8")
    write_sums(folder)


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` over every other file of the folder, as ``sha256sum`` does."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.name != SUMS)
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(folder).as_posix()}\n" for f in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def write_metrics(folder: Path, document: Mapping[str, Any]) -> None:
    """Write ``metrics.json``, NaN as null."""
    text = json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / METRICS).write_text(text + "\n", encoding="utf-8")


def update_metrics(folder: Path, more: Mapping[str, Any]) -> None:
    """Add to ``metrics.json``."""
    known = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    write_metrics(folder, known | dict(more))


def plain(value: Any) -> Any:
    """The same in what JSON knows."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
