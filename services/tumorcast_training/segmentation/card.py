"""The click segmenter's card, from its manifest and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorcast_imaging.model.clicking.network import SegmenterManifest

_NAMES = {"PT": "PET", "CT": "CT", "MR": "MR (T1)"}
_METHODS = {
    "network": "network",
    "threshold": "threshold",
    "region_growing": "region growing",
}
_COLUMNS = (
    "Dice",
    "at the deepest click",
    "SD over clicks",
    "surface, mm",
    "95 % of it, mm",
    "volume ÷ true, median",
    "nothing found",
)
_LIMITS = """\
- 40 patients of one cohort (soft-tissue sarcoma of the limbs, PET, CT and T1 MR); no other tumor, sequence, contrast or
  scanner was seen. Small lesions, nodes, lung and liver are untested. A reader must look at every mask.
- The series of this cohort end about 5 cm from the tumor. In training that edge was moved at random so that it tells
  less, but a whole scan has more that can be taken for tumor than these figures know.
- One contour was the truth: drawn by one reader on a T2-weighted MR and carried over to T1, CT and PET by registration
  (Vallières 2015). It includes what T1 and CT do not show; there the figures judge the contour as much as the network.
- How views are combined was chosen on folds 0 and 1 of these very folds, among a few ways; a first way of drawing views
  in training was dropped for what it did on fold 0. Both favor the network there.
- The radius of the threshold's maximum (10 mm: the best of 8 to 80 mm) and the widths of both rules were chosen with
  all patients in sight: this favors the rules.
- Clicks were drawn inside the truth. A click outside the lesion finds something else, or nothing."""


def card(manifest: SegmenterManifest, metrics: Mapping[str, Any]) -> str:
    """Render the card as Markdown; the same arguments give the same text."""
    modalities = metrics["modalities"]
    lines = [
        f"# Click to segment: `{manifest.name}` {manifest.version}",
        "",
        "**For.** Proposing the outline of one lesion in PET, CT or MR from a click inside it. **Not for** finding "
        "lesions, and not without a reader's eye on the mask.",
        "",
        f"**Learned from.** {manifest.training_data} (CC BY 3.0).",
        "",
        f"**How.** A MONAI 3-D UNet ({metrics['parameters']:,} weights, {metrics['weights_bytes'] / 1e6:.1f} MB) sees "
        f"{manifest.voxels}³ voxels about the click at several widths: intensity, the same less that at the click and "
        "less the maximum near it, the click, the distance from it, and which modality. The mean over widths and "
        f"mirror images counts. {metrics['steps']} steps of 6 series, AdamW, Dice and cross-entropy, averaged "
        f"weights, seed {metrics['seed']}.",
        "",
        "## Held-out agreement",
        "",
        f"`{metrics['command']}`. Five folds of patients (folds.csv, repeat_0), all series of a patient in one fold; "
        "whole series as given; five clicks a series (the deepest point and four random ones inside), the mean of "
        "which counts once for each patient; [95 % interval] over patients. Surface distances in mm, symmetric: "
        "mean, and 95th percentile; over clicks that found something. Threshold: PET 41 % of the maximum within 10 mm "
        "of the click; CT ± 25 HU and MR ± 20 % of the mean at the click. Region growing: mean ± 2 SD, re-estimated 4 "
        "times, from 5 mm about the click.",
        "",
        *_table(modalities),
        "",
        *_gains(modalities),
        "",
        "## How sure",
        "",
        *_sureness(modalities),
        "",
        "## Limits",
        "",
        _LIMITS,
        "",
    ]
    return "\n".join(lines)


def _table(modalities: Mapping[str, Any]) -> list[str]:
    rows = [f"| | {' | '.join(_COLUMNS)} |", f"|---|{'---|' * len(_COLUMNS)}"]
    for key, about in modalities.items():
        for name, words in _METHODS.items():
            figures = about[name]
            cells = [
                f"{_NAMES[key]}, {words}",
                _interval(figures["dice"]),
                _interval(figures["dice_at_center"]),
                f"{figures['dice_spread_over_clicks']:.2f}",
                _interval(figures["surface_mm"], 1),
                _interval(figures["surface_95_mm"], 1),
                f"{figures['volume_ratio_median']:.2f}",
                f"{figures['clicks_without_region']} of {figures['clicks']}",
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _gains(modalities: Mapping[str, Any]) -> list[str]:
    lines = ["Network less the better rule, on the same patients:", ""]
    for key, about in modalities.items():
        rule = about["best_rule"].replace("_", " ")
        lines.append(
            f"- {_NAMES[key]}: Dice {_interval(about['dice_gain_over_best_rule'], 3)} against {rule}; better in "
            f"{about['patients_where_network_is_better']} of {about['patients']} patients. {_verdict(about)}"
        )
    return lines


def _verdict(about: Mapping[str, Any]) -> str:
    gain = about["dice_gain_over_best_rule"]
    if gain is None:
        return "Too few patients for an interval."
    if gain[1] > 0:
        return "The gain clears noise."
    return "The loss clears noise: use the rule." if gain[2] < 0 else "No gain is shown."


def _sureness(modalities: Mapping[str, Any]) -> list[str]:
    lines = ["Rank correlation over patients of what the network says of itself and its Dice:", ""]
    for key, about in modalities.items():
        sure = about["sureness"]
        mean, border = (sure[f"spearman_of_{name}_and_dice"] for name in ("mean_probability", "border_entropy_bits"))
        lines.append(f"- {_NAMES[key]}: mean probability {_number(mean)}, doubt at the border {_number(border)}")
    return lines


def _interval(values: Sequence[float] | None, digits: int = 2) -> str:
    if values is None:
        return "—"
    low, high = (f"{v:.{digits}f}" for v in values[1:])
    return f"{values[0]:.{digits}f} [{low}, {high}]"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
