"""Of a model that reads pixels: what they add to measures, and whether its saliency stands the deletion test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorcast_training.cards.markdown import NOT_COMPUTED, estimate, gain, p_value, table, words
from tumorcast_training.cards.reading import Source, mapping

_MODALITIES = {"PT": "PET", "CT": "CT", "MR": "MR"}


def render(source: Source) -> list[str]:
    """Nothing for a model without pixels."""
    pixels = mapping(source.metrics, "pixels")
    if not pixels:
        return []
    return [
        "### What pixels add",
        "",
        "The encoder and the head are refitted inside every fold; the encoder learns the training patients' "
        "measures, never outcomes. `end to end` is the same encoder tuned to outcomes. By fold (mean ± spread); "
        "pooled: patients ranked within their fold, averaged over repeats, with a bootstrap interval by patient.",
        "",
        *table(("variant", "AUC by fold", "AUC pooled", "gain over radiomics"), _variants(mapping(pixels, "variants"))),
        "With so few events no difference between these variants could be proven, even if there were one.",
        "",
        "**Why: the deletion test.** Patients of the first repeat, each explained with encoder and head of the fold "
        "that had not seen the patient. Cubes of the crop are replaced by the mean of their surroundings, the salient "
        "first; beside it 50 orders in which the same pattern lies elsewhere. Better: the answer changed more than by "
        "the mean of these.",
        "",
        *table(
            ("image", "saliency", "better", "median ratio", "p (Wilcoxon)", "insertion: better", "p"), _walks(pixels)
        ),
    ]


def _variants(variants: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            words(name),
            estimate(of.get("score")),
            estimate(of.get("pooled")),
            gain(mapping(of, "gain_over_radiomics")) if name != "radiomics" else "",
        )
        for name, of in variants.items()
        if isinstance(of, Mapping)
    ]


def _walks(pixels: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in pixels.get("deletion") or ():
        away, back = mapping(row, "deletion"), mapping(row, "insertion")
        rows.append(
            (
                _MODALITIES.get(str(row.get("dicom_modality")), NOT_COMPUTED),
                str(row.get("method")),
                f"{away.get('better')} of {away.get('patients')}",
                f"{float(away.get('median_ratio') or 0):.2f}",
                p_value(away.get("wilcoxon_p")),
                f"{back.get('better')} of {back.get('patients')}",
                p_value(back.get("wilcoxon_p")),
            )
        )
    return rows
