"""The YAML tables that stand beside the code of the model layer."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml


def read_table(*path: str) -> Any:
    """Parse a file by its path below ``model/``; callers keep what they make of it.

    >>> read_table("units", "molar_masses.yaml")["hemoglobin"]
    16114
    """
    text = files("tumorcast_clinical.model").joinpath(*path).read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader)
