"""How much is read before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for one study; whatever lies above is refused by name, not tried."""

    max_files: int = 20_000
    max_file_bytes: int = 256 << 20
    max_reads: int = 500_000
    """Reads of one file, some two per attribute: 10 MB of empty attributes would take half a minute to parse."""
    max_voxels: int = 400_000_000
    """Rows × columns × slices of one volume; a float32 volume takes four bytes each."""


DEFAULT_LIMITS = Limits()
