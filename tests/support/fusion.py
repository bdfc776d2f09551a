"""A small fusion model with random weights, for tests that need a model and not a good one."""

from pathlib import Path

import numpy as np
import torch

from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import Embedding, Feature, Modality, PatientSnapshot
from tumorcast_fusion.model.ensemble import Ensemble
from tumorcast_fusion.model.manifest import EmbeddingInput, EndpointSpec, Group, Manifest, Scaling, dump
from tumorcast_fusion.model.network import FusionNetwork

SPACE = "tiny@0123456789ab/float32"
ALBUMIN = Scaling(mean=3.8, sd=0.5, low=2.0, high=5.0)

MANIFEST = Manifest(
    name="tiny",
    version="0.0.1",
    simulated=True,
    indication="none",
    intended_use="tests",
    disclaimer="SIMULATED",
    training_cohort="none",
    licence="Apache-2.0",
    groups=(
        Group(
            id="ct",
            modality=Modality.IMAGING,
            timepoint="baseline",
            embedding=EmbeddingInput(spaces=(SPACE,), mean=(0.0,) * 4, sd=(1.0,) * 4),
        ),
        Group(id="labs", modality=Modality.LABS, features=("albumin",), scaling={"albumin": ALBUMIN}),
        Group(id="notes", modality=Modality.NOTES, features=("ascites",)),
        Group(id="clinical", modality=Modality.CLINICAL, features=("stage_group",)),
    ),
    baseline_groups=("clinical",),
    endpoints=(
        EndpointSpec(id="response", kind=EndpointKind.BINARY, definition="none"),
        EndpointSpec(id="pfs", kind=EndpointKind.TIME_TO_EVENT, definition="none", horizons_days=(56.0, 112.0)),
    ),
    edges_days=tuple(28.0 * i for i in range(1, 7)),
    members=3,
    token_width=4,
    hidden_width=8,
)


def write_tiny_model(folder: Path) -> Path:
    """Write the model below ``folder`` and return that folder, as a model store takes it."""
    torch.manual_seed(0)
    where = folder / MANIFEST.name
    dump(MANIFEST, where)
    Ensemble(MANIFEST, [FusionNetwork(MANIFEST) for _ in range(MANIFEST.members)]).save(where)
    return folder


def full_snapshot(*, without: frozenset[str] = frozenset()) -> PatientSnapshot:
    """A patient who has every group of the model but those named."""
    vector = np.array([0.5, -1.0, 2.0, 0.0], np.float32)
    parts = {
        "labs": Feature("albumin", 3.1, "g/dL", source="Observation/a"),
        "notes": Feature("ascites", "present", source="n#char=0,7"),
        "clinical": Feature("stage_group", "IV", source="Observation/s"),
    }
    embeddings = () if "ct" in without else (Embedding(SPACE, vector, Modality.IMAGING, "baseline", "CT"),)
    return PatientSnapshot(
        index_date="2024-05-01",
        features=tuple(feature for group, feature in parts.items() if group not in without),
        embeddings=embeddings,
    )
