"""The snapshot finds the value that counts."""

import numpy as np

from tumorcast_core.snapshot import Embedding, Feature, Modality, PatientSnapshot


def test_the_latest_feature_wins_and_undated_counts_as_oldest() -> None:
    snapshot = PatientSnapshot(
        features=(
            Feature("albumin", 3.0, "g/dL", effective="2024-03-02"),
            Feature("albumin", 4.0, "g/dL", effective="2024-03-01"),
            Feature("albumin", 5.0, "g/dL"),
        )
    )
    found = snapshot.feature("albumin")
    assert found is not None
    assert found.value == 3.0


def test_a_feature_of_another_timepoint_is_not_found() -> None:
    snapshot = PatientSnapshot(features=(Feature("tumor_volume", 9.0, "mL", timepoint="baseline"),))
    assert snapshot.feature("tumor_volume", "follow_up") is None
    assert snapshot.feature("tumor_volume") is None


def test_an_embedding_of_another_space_is_not_found() -> None:
    snapshot = PatientSnapshot(embeddings=(Embedding("a@1/bf16", np.zeros(3, np.float32), Modality.IMAGING),))
    assert snapshot.embedding(["a@1/float32"]) is None
    assert snapshot.embedding(["a@1/float32", "a@1/bf16"]) is not None
