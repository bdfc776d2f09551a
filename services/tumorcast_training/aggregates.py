"""What a model keeps of its training patients, so that drift can be seen later: aggregates of at least ten, no rows.

``aggregates.json`` in the model's folder::

    rows, patients
    inputs.<name>   kind number: missing, mean, sd, edges (inner bin edges), shares of the bins
                    kind category: missing, shares by category, the rare ones together as "other"
    scores.<id>     of each endpoint's headline number: mean, sd, edges, shares

Bins are deciles; a bin or category with fewer than ten patients is merged with another, and an input that fewer than
ten patients have is left out. A count of missing rows below ten is rounded to 0 or 10.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.tabular.design import missing
from tumorcast_training.cohorts import Cohort

Array = NDArray[np.float64]
Patients = NDArray[np.object_]
FILE = "aggregates.json"
FEWEST = 10
BINS = 10
OTHER = "other"


def training_aggregates(cohort: Cohort, features: Mapping[str, str], scores: Mapping[str, Array]) -> dict[str, Any]:
    """Aggregates of a training cohort.

    ``features`` is the catalog name of each input to keep; ``scores`` (n,) are headline numbers by endpoint, out of
    fold where possible, NaN where there is none (see ``table_predictions.headline``).
    """
    inputs = {name: _input(cohort, name, feature) for name, feature in features.items() if name in cohort.inputs}
    numbers = {name: _number(values, cohort.patient_ids) for name, values in scores.items()}
    return {
        "rows": len(cohort),
        "patients": len(set(cohort.patient_ids)),
        "inputs": {name: kept for name, kept in inputs.items() if kept},
        "scores": {name: kept for name, kept in numbers.items() if kept},
    }


def write(aggregates: Mapping[str, Any], folder: Path) -> None:
    """Write ``aggregates.json``."""
    (folder / FILE).write_text(json.dumps(aggregates, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(folder: Path) -> dict[str, Any]:
    """Read ``aggregates.json``; raises ``InvalidInput`` where the model keeps none."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise InvalidInput("The model keeps no aggregates of its training patients: drift cannot be seen.") from e
    if not isinstance(found, dict) or not {"rows", "patients", "inputs", "scores"} <= found.keys():
        raise InvalidInput("The model's aggregates of its training patients cannot be read.")
    return found


def _input(cohort: Cohort, name: str, feature: str) -> dict[str, Any] | None:
    values = cohort.inputs[name].to_numpy()
    gone = missing(values)
    if len(set(cohort.patient_ids[~gone])) < FEWEST:
        return None
    told = {"missing": _rounded_share(int(gone.sum()), len(values))}
    if entry(feature).categories:
        return {"kind": "category", **told, "shares": _category_shares(values[~gone], cohort.patient_ids[~gone])}
    found = _number(values.astype(float), cohort.patient_ids)
    return None if found is None else {"kind": "number", **told, **found}


def _number(values: Array, patients: Patients) -> dict[str, Any] | None:
    known = np.isfinite(values)
    if len(set(patients[known])) < FEWEST:
        return None
    edges = _edges(values[known], patients[known])
    counts = np.bincount(np.searchsorted(edges, values[known], side="left"), minlength=len(edges) + 1)
    return {
        "mean": _short(values[known].mean()),
        "sd": _short(values[known].std()),
        "edges": edges,
        "shares": [round(float(c), 5) for c in counts / counts.sum()],
    }


def _edges(values: Array, patients: Patients) -> list[float]:
    """Inner deciles, each once, fewer where a bin would hold fewer than ten patients; a bin includes its upper edge."""
    bins = min(BINS, max(len(set(patients)) // FEWEST, 1))
    edges = sorted({_short(x) for x in np.quantile(values, np.arange(1, bins) / bins)})
    while edges:
        place = np.searchsorted(edges, values, side="left")
        held = [len(set(patients[place == k])) for k in range(len(edges) + 1)]
        least = int(np.argmin(held))
        if held[least] >= FEWEST:
            break
        del edges[min(least, len(edges) - 1)]
    return edges


def _category_shares(values: NDArray[np.object_], patients: Patients) -> dict[str, float]:
    held = {str(c): len(set(patients[values == c])) for c in sorted(set(values))}
    rare = {c for c, count in held.items() if count < FEWEST}
    if rare and len(set(patients[np.isin(values.astype(str), sorted(rare))])) < FEWEST:
        frequent = [c for c in held if c not in rare]
        if frequent:
            rare.add(min(frequent, key=held.__getitem__))
    shares = {c: float((values == c).mean()) for c in held if c not in rare}
    if rare:
        shares[OTHER] = float(np.isin(values.astype(str), sorted(rare)).mean())
    return {c: round(share, 5) for c, share in shares.items()}


def _rounded_share(count: int, rows: int) -> float:
    """A share of rows, of which fewer than ten are none or ten."""
    if count < FEWEST:
        count = FEWEST if 2 * count >= FEWEST else 0
    return round(min(count / rows, 1.0), 5)


def _short(x: float) -> float:
    return float(f"{x:.4g}")
