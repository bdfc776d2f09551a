"""The card of ``simulated``: what the model is for, what it was made of, how good it is. Generated, never edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.manifest import Manifest

COMMANDS = """\
tumorcast simulate --patients 5000 --seed 1 --out cohort/train
tumorcast simulate --patients 400 --seed 3 --out cohort/test
tumorcast train simulated --data cohort/train --test cohort/test --out trained
"""
_SCORED = {
    "model": "model",
    "oracle": "oracle (best possible)",
    "clinical_baseline": "clinical and therapy alone",
    "xgboost": "XGBoost on the same inputs",
}


def simulated_card(model: PrognosisModel, metrics: Mapping[str, Any]) -> str:
    """Render the card as Markdown from the manifest and ``metrics.json``."""
    lines = [*_use(model), *_inputs(model.manifest), *_figures(metrics["held_out"])]
    return "\n".join([*lines, "Reproduced by", "", "```", COMMANDS.rstrip(), "```", ""])


def _use(model: PrognosisModel) -> list[str]:
    manifest = model.manifest
    return [
        f"# {manifest.name} {manifest.version}",
        "",
        *([f"**{manifest.disclaimer}**", ""] if manifest.simulated else []),
        f"- **Indication.** {manifest.indication}",
        f"- **Intended use.** {manifest.intended_use}",
        f"- **Training cohort.** {manifest.training_cohort}",
        f"- **Licence.** {manifest.licence}",
        f"- **sha256.** `{model.ref.sha256}`",
        "",
        "## Endpoints",
        "",
        *(f"- `{e.id}` ({e.kind}): {e.definition}" for e in manifest.endpoints),
        "",
    ]


def _inputs(manifest: Manifest) -> list[str]:
    rows = ((g.id, g.modality, ", ".join(g.features) + " + embedding" * bool(g.embedding)) for g in manifest.groups)
    return ["## Inputs: any subset", "", *_table(("group", "modality", "reads"), rows)]


def _figures(held_out: Mapping[str, Any]) -> list[str]:
    calibration = held_out["calibration"]
    return [
        f"## Held-out figures ({held_out['patients']} patients, 95 % intervals by patient bootstrap)",
        "",
        *_table(
            ("", "AUC, response", "Harrell C, progression-free survival"),
            ((name, *_both(held_out[key])) for key, name in _SCORED.items() if key in held_out),
        ),
        f"Calibration of the response: Brier {calibration['brier'][0]:.3f},",
        f"slope {_interval(calibration['slope'])}, intercept {_interval(calibration['intercept'])}.",
        "",
        f"Between bf16 and float32 embeddings the probability moves by at most {held_out['precision_shift']:.4f}.",
        "",
        "Loss when one modality is permuted across patients:",
        "",
        *_table(
            ("modality", "AUC", "C"),
            ((modality, *_both(loss)) for modality, loss in held_out["permuted_modality_loss"].items()),
        ),
        "Calibration of the response with one group withheld:",
        "",
        *_table(
            ("withheld", "slope", "intercept"),
            (
                (group, _interval(of["slope"]), _interval(of["intercept"]))
                for group, of in held_out["withheld_group_calibration"].items()
            ),
        ),
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def _both(scores: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    return _interval(scores["auc"]), _interval(scores["c_index"])


def _interval(values: Sequence[float]) -> str:
    estimate, lower, upper = values
    return f"{estimate:.3f} [{lower:.3f}, {upper:.3f}]"
