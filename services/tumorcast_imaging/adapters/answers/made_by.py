"""A digest of everything installed that decides what is measured: this code, its tables, and the libraries below."""

from __future__ import annotations

import hashlib
import platform
import sys
from importlib.metadata import distributions
from importlib.resources import files
from pathlib import Path

_PACKAGES = ("tumorcast", "tumorcast_core", "tumorcast_imaging")
_WEIGHTS = (".safetensors", ".pyc")


def made_by() -> str:
    """Hexadecimal SHA-256; another version of anything, down to one line of code, gives another.

    Weights are not in it: whoever asks names the encoders' own digests.
    """
    digest = hashlib.sha256(f"{sys.version} {platform.machine()}".encode())
    for package in _PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix not in _WEIGHTS):
            digest.update(f"\n{path.relative_to(root.parent)}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name, version in sorted({(d.name, d.version) for d in distributions()}):
        digest.update(f"\n{name} {version}".encode())
    return digest.hexdigest()
