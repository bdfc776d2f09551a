"""A simulated patient from whom nothing is missing, and the same patient with one input group withheld."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tumorcast_training import simulator

GROUPS = ("ct_baseline", "ct_follow_up", "labs", "notes", "genomics", "clinical", "therapy")
"""Input groups of the model ``simulated``."""

LABS = {"751-8", "731-0", "1751-7", "718-7", "2532-0"}
GENOMICS = {"94076-7", "21702-6"}
SEED = 11


def complete_patient(folder: Path) -> Path:
    """Write one patient below ``folder``; returns the patient's own folder."""
    simulator.simulate(1, SEED, folder, complete=True)
    return next(path for path in folder.iterdir() if path.is_dir())


def without(patient: Path, group: str, out: Path) -> Path:
    """A copy of the patient's folder in which nothing of one input group is left."""
    copy = Path(shutil.copytree(patient, out / f"without-{group}"))
    if group.startswith("ct_"):
        shutil.rmtree(copy / "dicom" / group.removeprefix("ct_"))
    elif group == "notes":
        shutil.rmtree(copy / "notes")
    else:
        record = copy / "fhir.json"
        bundle = json.loads(record.read_text())
        bundle["entry"] = [entry for entry in bundle["entry"] if group_of(entry["resource"]) != group]
        record.write_text(json.dumps(bundle))
    return copy


def group_of(resource: dict[str, Any]) -> str:
    """The input group that a resource of the simulator's bundle belongs to."""
    if resource["resourceType"].startswith("Medication"):
        return "therapy"
    if resource["resourceType"] != "Observation":
        return "clinical"
    code = resource["code"]["coding"][0]["code"]
    return "labs" if code in LABS else "genomics" if code in GENOMICS else "clinical"


def status_of(answer: dict[str, Any], group: str) -> str:
    """What an answer says of one input group."""
    return str(use_of(answer, group)["status"])


def use_of(answer: dict[str, Any], group: str) -> dict[str, Any]:
    """All that an answer says of one input group."""
    (use,) = (use for use in answer["inputs"] if use["group"] == group)
    return dict(use)


def probabilities(answer: dict[str, Any]) -> list[float]:
    """Every probability of an answer, in its order."""
    found: list[float] = []
    for endpoint in answer["endpoints"]:
        if endpoint["probability"]:
            found += [endpoint["probability"]["probability"], *limits(endpoint["probability"])]
        if endpoint["survival"]:
            for point in endpoint["survival"]["points"]:
                found += [point["survival"], *limits(point)]
    return found


def limits(estimate: dict[str, Any]) -> tuple[float, float]:
    """Lower and upper limit of an estimate's interval."""
    return estimate["interval"]["lower"], estimate["interval"]["upper"]
