"""What is shipped fits together: encoder and model, model and card, figures and claims."""

import json

import pytest

from tumorcast_core.catalog import entry
from tumorcast_fusion.model import SHIPPED, FileStatus, ModelStore, verify_files
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import EncoderManifest

STORE = ModelStore()


@pytest.mark.parametrize("name", STORE.names)
def test_every_shipped_model_loads_and_its_card_names_its_digest(name: str) -> None:
    model = STORE.get(name)
    card = (SHIPPED / name / "card.md").read_text(encoding="utf-8")
    assert model.ref.sha256 in card
    assert model.manifest.disclaimer in card


@pytest.mark.parametrize("name", STORE.names)
def test_every_input_of_a_shipped_model_is_in_the_catalog(name: str) -> None:
    for group in STORE.get(name).manifest.groups:
        assert all(entry(feature).codings for feature in group.features)


def test_every_group_of_the_simulated_model_is_of_one_modality() -> None:
    """Of tables a group is what arrives together: receptors with age, grade with IDH."""
    for group in STORE.get("simulated").manifest.groups:
        assert {entry(feature).modality for feature in group.features} == {group.modality}


@pytest.mark.parametrize("name", [n for n in STORE.names if (SHIPPED / n / "SHA256SUMS").is_file()])
def test_every_file_of_a_shipped_model_is_what_was_published(name: str) -> None:
    assert {check.status for check in verify_files(SHIPPED / name)} == {FileStatus.INTACT}


def test_the_simulated_model_reads_the_shipped_encoder_in_both_precisions() -> None:
    encoder = EncoderManifest.load(ENCODERS / "ct-lesion")
    space = f"{encoder.name}@{encoder.weights_sha256[:12]}"
    for group in STORE.get("simulated").manifest.groups[:2]:
        assert group.embedding is not None
        assert set(group.embedding.spaces) == {f"{space}/bf16", f"{space}/float32"}


def test_the_published_figures_show_that_every_modality_counts() -> None:
    held_out = json.loads((SHIPPED / "simulated" / "metrics.json").read_text(encoding="utf-8"))["held_out"]
    assert held_out["patients"] == 400
    assert set(held_out["permuted_modality_loss"]) == {"imaging", "labs", "notes", "genomics", "clinical", "therapy"}
    for loss in held_out["permuted_modality_loss"].values():
        assert loss["auc"][1] > 0
        assert loss["c_index"][1] > 0
