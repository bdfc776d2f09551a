"""What is shipped fits together: encoder and model, model and card, figures and claims."""

import json

import pytest

from tumorcast_core.catalog import entry
from tumorcast_fusion.model import SHIPPED, ModelStore
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
def test_every_input_of_a_shipped_model_is_in_the_catalog_under_its_modality(name: str) -> None:
    for group in STORE.get(name).manifest.groups:
        for feature in group.features:
            assert entry(feature).modality == group.modality


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
