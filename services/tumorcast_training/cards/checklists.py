"""Where a card answers the checklists: TRIPOD+AI, CHAI's Applied Model Card, the EU AI Act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_training.cards import prose
from tumorcast_training.cards.markdown import table
from tumorcast_training.cards.reading import Source

Instead = Mapping[str, Mapping[str, Sequence[str]]]
_AS_THEY_ARE: Instead = {}


def render(source: Source) -> list[str]:
    """Sections 10 to 12."""
    return tables(source.manifest.name, source.manifest.version)


def tables(name: str, version: str, instead: Instead = _AS_THEY_ARE) -> list[str]:
    """Sections 10 to 12; ``instead`` has the other cells of rows that read otherwise, by checklist and first cell."""
    chai, tripod_ai, eu_ai_act = (
        _rows(checklist, name, version, instead.get(checklist, {})) for checklist in ("chai", "tripod_ai", "eu_ai_act")
    )
    return [
        "## 10 CHAI Applied Model Card",
        "",
        "Fields of the schema v0.2 of the Coalition for Health AI.",
        "",
        *table(("field", "answer"), chai),
        "## 11 TRIPOD+AI",
        "",
        "The 27 items of Collins et al. (BMJ 2024;385:e078378) and where this card answers them.",
        "",
        *table(("item", "topic", "where"), tripod_ai),
        "## 12 EU AI Act, Articles 9 to 15",
        "",
        *prose.paragraph(prose.told("eu_ai_act")[0]),
        *table(
            ("article", "the software provides", "the deployer, or whoever becomes provider, must"),
            eu_ai_act,
        ),
    ]


def _rows(checklist: str, name: str, version: str, instead: Mapping[str, Sequence[str]]) -> list[list[str]]:
    rows = [[row[0], *instead.get(str(row[0]), row[1:])] for row in _load(checklist)]
    return [[str(cell).format(name=name, version=version).strip() for cell in row] for row in rows]


@cache
def _load(checklist: str) -> Sequence[Sequence[Any]]:
    """Rows of ``<checklist>.yaml``."""
    text = files(__package__).joinpath(f"{checklist}.yaml").read_text(encoding="utf-8")
    rows: Sequence[Sequence[Any]] = yaml.safe_load(text)
    return rows
