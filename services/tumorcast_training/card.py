"""The model card: what a model is for, what it was made of, how good it is. Generated, never edited."""

from __future__ import annotations

from typing import Any

from tumorcast_fusion.model import PrognosisModel

COMMANDS = """\
tumorcast simulate --patients 5000 --seed 1 --out cohort/train
tumorcast simulate --patients 400 --seed 3 --out cohort/test
tumorcast train simulated --data cohort/train --test cohort/test --out trained
"""


def card(model: PrognosisModel, metrics: dict[str, Any]) -> str:
    """Render the card as Markdown from the manifest and ``metrics.json``."""
    manifest, held_out = model.manifest, metrics["held_out"]
    rows = [
        ("model", "model"),
        ("oracle (best possible)", "oracle"),
        ("clinical and therapy alone", "clinical_baseline"),
        ("XGBoost on the same inputs", "xgboost"),
    ]
    scores = [
        f"| {name} | {_interval(held_out[key]['auc'])} | {_interval(held_out[key]['c_index'])} |"
        for name, key in rows
        if key in held_out
    ]
    worth = [
        f"| {modality} | {_interval(loss['auc'])} | {_interval(loss['c_index'])} |"
        for modality, loss in held_out["permuted_modality_loss"].items()
    ]
    inputs = [
        f"| {g.id} | {g.modality} | {', '.join(g.features)}{' + embedding' if g.embedding else ''} |"
        for g in manifest.groups
    ]
    calibration = held_out["calibration"]
    return "\n".join(
        [
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
            "## Inputs: any subset",
            "",
            "| group | modality | reads |",
            "|---|---|---|",
            *inputs,
            "",
            f"## Held-out figures ({held_out['patients']} patients, 95 % intervals by patient bootstrap)",
            "",
            "| | AUC, response | Harrell C, progression-free survival |",
            "|---|---|---|",
            *scores,
            "",
            f"Calibration of the response: Brier {calibration['brier'][0]:.3f},",
            f"slope {_interval(calibration['slope'])}, intercept {_interval(calibration['intercept'])}.",
            "",
            f"Between bf16 and float32 embeddings the probability moves by at most {held_out['precision_shift']:.4f}.",
            "",
            "Loss when one modality is permuted across patients:",
            "",
            "| modality | AUC | C |",
            "|---|---|---|",
            *worth,
            "",
            "Reproduced by",
            "",
            "```",
            COMMANDS.rstrip(),
            "```",
            "",
        ]
    )


def _interval(values: list[float]) -> str:
    estimate, lower, upper = values
    return f"{estimate:.3f} [{lower:.3f}, {upper:.3f}]"
