"""Where a card answers the checklists: TRIPOD+AI, CHAI's Applied Model Card, the EU AI Act."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_training.cards.markdown import table
from tumorcast_training.cards.reading import Source

_DISCLAIMER = (
    "This is no legal advice, and no statement of conformity. The software is for research: it is no medical device, it is "
    "not placed on the market and not put into service for care. Article 2(6) and (8) keep systems made for research alone "
    "out of the Regulation; whoever puts one into service for care, or changes what it is for, becomes its provider "
    "(Article 25) and must meet Articles 8 to 15 and, as a rule, Regulation (EU) 2017/745 on medical devices, by which a "
    "system that needs a notified body is of high risk (Article 6(1)). The table says what is here to build on, and what is "
    "left to do."
)


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
        f"Regulation (EU) 2024/1689. {_DISCLAIMER}",
        "",
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
