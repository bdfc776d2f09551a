"""The card of a model of tables, from first screen to regulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorcast_fusion.model.manifest import Manifest
from tumorcast_training.blueprint import Blueprint
from tumorcast_training.cards import checklists, data, first_screen, methods, pixels, predictors, results
from tumorcast_training.cards.reading import Source

_NO_PLOTS: Mapping[str, str] = {}


def card(
    manifest: Manifest,
    blueprint: Blueprint,
    metrics: Mapping[str, Any],
    sha256: str,
    plots: Mapping[str, str] = _NO_PLOTS,
) -> str:
    """Render the card as Markdown; the same arguments give the same text.

    ``metrics`` is ``metrics.json``: what it lacks is told as not computed. ``plots`` are the figures by endpoint, as
    paths from the card. It starts with what a clinician needs; sections are numbered for the checklists at its end.
    """
    source = Source.of(manifest, blueprint, metrics, sha256, plots)
    lines = [
        *first_screen.render(source),
        *data.use(source),
        *data.patients(source),
        *data.outcomes(source),
        *predictors.render(source),
        *data.sample_size(source),
        *methods.render(source),
        *results.render(source),
        *pixels.render(source),
        *data.limits(source),
        *data.provenance(source),
        *checklists.render(source),
        *predictors.appendix(source),
    ]
    return "\n".join(lines).rstrip() + "\n"
