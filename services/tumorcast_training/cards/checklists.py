"""Where a card answers the checklists: TRIPOD+AI, CHAI's Applied Model Card, the EU AI Act."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_training.cards import prose
from tumorcast_training.cards.markdown import table
from tumorcast_training.cards.reading import Source


def render(source: Source) -> list[str]:
    """Sections 10 to 12."""
    name = source.manifest.name
    return [
        "## 10 CHAI Applied Model Card",
        "",
        "Fields of the schema v0.2 of the Coalition for Health AI.",
        "",
        *table(("field", "answer"), _rows("chai", name, source.manifest.version)),
        "## 11 TRIPOD+AI",
        "",
        "The 27 items of Collins et al. (BMJ 2024;385:e078378) and where this card answers them.",
        "",
        *table(("item", "topic", "where"), _rows("tripod_ai", name, source.manifest.version)),
        "## 12 EU AI Act, Articles 9 to 15",
        "",
        *prose.paragraph(prose.told("eu_ai_act")[0]),
        *table(
            ("article", "the software provides", "the deployer, or whoever becomes provider, must"),
            _rows("eu_ai_act", name, source.manifest.version),
        ),
    ]


def _rows(checklist: str, name: str, version: str) -> list[list[str]]:
    return [[str(cell).format(name=name, version=version).strip() for cell in row] for row in _load(checklist)]


@cache
def _load(checklist: str) -> Sequence[Sequence[Any]]:
    """Rows of ``<checklist>.yaml``."""
    text = files(__package__).joinpath(f"{checklist}.yaml").read_text(encoding="utf-8")
    rows: Sequence[Sequence[Any]] = yaml.safe_load(text)
    return rows
