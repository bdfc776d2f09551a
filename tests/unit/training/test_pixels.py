"""Models of pixels: what is learned in a fold knows nothing of the patients held out, nor of anybody's outcome."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import EndpointKind
from tumorcast_imaging.model import Encoder, EncoderManifest
from tumorcast_training.blueprint import Blueprint, Pretrained
from tumorcast_training.cohorts import BinaryOutcome, Cohort
from tumorcast_training.encoder_training import EncoderRecipe
from tumorcast_training.parallel import in_turn
from tumorcast_training.pixels import comparison
from tumorcast_training.pixels.deletion import deletion
from tumorcast_training.pixels.folds import embed
from tumorcast_training.pixels.learning import components
from tumorcast_training.pixels.patients import ImagedPatient, PackedStudy, read_packed

PATIENTS, VOXELS = 12, 16
RECIPE = EncoderRecipe(epochs=2, batch=4, held_out=0.0, precision="float32")
MANIFEST = EncoderManifest.model_validate(
    {
        "name": "tiny",
        "version": "1",
        "embedding_dim": 3,
        "crop": {
            "voxels": VOXELS,
            "spacing_mm": 4,
            "windows": {"PT": {"low": 0, "high": 10}, "CT": {"low": -160, "high": 240}},
        },
        "architecture": {"kind": "monai.ResNet", "block_inplanes": [4, 4, 8, 8]},
        "training_data": "None.",
        "simulated": True,
    }
)
BLUEPRINT = Blueprint.model_validate(
    {
        "name": "tiny",
        "version": "1",
        "indication": "",
        "intended_use": "",
        "disclaimer": "",
        "training_cohort": "",
        "licence": "",
        "groups": [
            {
                "id": name,
                "modality": "imaging",
                "timepoint": "baseline",
                "features": [f"{name}_intensity_mean"],
                "embedding": {"encoder": "tiny", "dicom_modality": modality, "size": 3},
            }
            for name, modality in (("pet", "PT"), ("ct", "CT"))
        ],
        "endpoints": [{"id": "spread", "kind": "binary", "definition": ""}],
        "encoder": MANIFEST.model_dump(),
    }
)
PLAN = BLUEPRINT.endpoints[0]


def patient(number: int, seed: int = 0) -> ImagedPatient:
    rng = np.random.default_rng((seed, number))
    crops = {m: rng.random((2, VOXELS, VOXELS, VOXELS), np.float32) for m in ("PT", "CT")}
    if number == 3:
        del crops["CT"]
    values = {f"{p}_{s}": float(rng.lognormal()) for p in ("pet", "ct") for s in ("intensity_mean", "b", "c", "d")}
    return ImagedPatient(f"p{number}", values, crops)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on busy cores: two threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def patients() -> tuple[ImagedPatient, ...]:
    return tuple(patient(i) for i in range(PATIENTS))


@pytest.fixture(scope="module")
def cohort(patients) -> Cohort:
    names = ("pet_intensity_mean", "ct_intensity_mean")
    inputs = pd.DataFrame({f"{n}_baseline": [p.values[n] for p in patients] for n in names})
    return Cohort(
        name="tiny",
        inputs=inputs,
        patient_ids=np.array([p.patient_id for p in patients], dtype=object),
        outcomes={"spread": BinaryOutcome(np.arange(PATIENTS) % 2.0)},
        folds=np.array([[i % 3, (i // 2) % 2] for i in range(PATIENTS)]),
    )


@pytest.fixture(scope="module")
def embedded(cohort, patients):
    return embed(cohort, patients, BLUEPRINT, MANIFEST, 0, in_turn, RECIPE)


def test_every_fold_has_its_own_vectors_and_a_missing_image_has_none(embedded):
    assert set(embedded.of_fold) == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)}
    element = "pet_embedding_0"
    columns = [embedded.cohort.in_fold(*fold).inputs[element].to_numpy() for fold in embedded.of_fold]
    assert all(np.isfinite(column).all() for column in columns)
    assert not np.array_equal(columns[0], columns[1])
    assert np.isnan(embedded.cohort.inputs["ct_embedding_0"][3])
    assert embedded.cohort.inputs["ct_embedding_0"].isna().sum() == 1
    assert {e.weights() for e in embedded.of_fold.values()}.isdisjoint({embedded.encoder.weights()})


def test_an_encoder_of_a_fold_has_not_seen_the_patients_held_out(cohort, patients, embedded):
    others = tuple(patient(i, seed=9) if cohort.folds[i, 0] == 1 else p for i, p in enumerate(patients))
    changed = embed(cohort, others, BLUEPRINT, MANIFEST, 0, in_turn, RECIPE)
    assert changed.of_fold[0, 1].weights() == embedded.of_fold[0, 1].weights()
    assert changed.of_fold[0, 0].weights() != embedded.of_fold[0, 0].weights()


def test_encoders_know_no_outcome(cohort, patients, embedded):
    dealt = replace(cohort, outcomes={"spread": BinaryOutcome(1 - cohort.outcomes["spread"].value)})
    again = embed(dealt, patients, BLUEPRINT, MANIFEST, 0, in_turn, RECIPE)
    assert again.encoder.weights() == embedded.encoder.weights()
    pd.testing.assert_frame_equal(again.cohort.inputs, embedded.cohort.inputs)


def test_rows_of_a_cohort_keep_the_inputs_of_their_folds(embedded):
    rows = np.array([5, 1])
    picked = embedded.cohort[rows].in_fold(0, 2).inputs
    whole = embedded.cohort.in_fold(0, 2).inputs
    pd.testing.assert_frame_equal(picked, whole.iloc[rows].reset_index(drop=True))


def test_variants_are_compared_on_every_fold(embedded, patients):
    found = comparison.compare(embedded, patients, BLUEPRINT, PLAN, 0, in_turn, ("pet_intensity_mean_baseline",))
    assert list(found) == [
        "radiomics", "embeddings", "radiomics and embeddings", "end to end", "pet_intensity_mean_baseline alone",
    ]  # fmt: skip
    for name, of in found.items():
        value, low, high = of["pooled"]
        assert 0 <= low <= value <= high <= 1
        assert bool(of["gain_over_radiomics"]) == (name != "radiomics")


def test_the_deletion_test_explains_every_patient_held_out_by_its_own_fold(embedded, patients):
    rows = deletion(embedded, patients, BLUEPRINT, PLAN, 0, in_turn, orders=3)
    counts = {(row["dicom_modality"], row["method"]): row["deletion"]["patients"] for row in rows}
    assert set(counts) == {(m, method) for m in ("CT", "PT") for method in ("gradient", "occlusion")}
    for modality, most in (("CT", PATIENTS - 1), ("PT", PATIENTS)):  # patient 3 has no CT; a head may ignore an image
        assert 0 < counts[modality, "gradient"] == counts[modality, "occlusion"] <= most


def test_components_are_of_what_everyone_has_and_what_varies():
    values = [{"pet_a": 1.0 + i, "pet_b": 10.0 ** (i % 5), "pet_c": 7.0, "ct_d": float(i)} for i in range(8)]
    values[0]["pet_only_here"] = 3.0
    found = components(values, "pet_", 4)
    assert found.shape == (8, 4)
    assert np.allclose(found[:, 2:], 0, atol=1e-6)
    assert np.allclose(found[:, :2].std(axis=0), 1)
    without = [{k: v for k, v in one.items() if k != "ct_d"} for one in values]
    assert np.array_equal(components(without, "pet_", 4), found)


def test_a_file_that_is_no_archive_is_told(tmp_path):
    file = tmp_path / "p.tar.xz"
    file.write_bytes(b"no archive")
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        read_packed(PackedStudy("p", file, "baseline", MANIFEST))


def test_the_endpoint_of_the_shipped_blueprint_is_binary_and_its_encoder_takes_three_modalities():
    from tumorcast_training import blueprint

    plan = blueprint.load("sarcoma")
    assert plan.endpoints[0].kind is EndpointKind.BINARY
    assert plan.encoder is not None
    assert set(plan.encoder.crop.windows) == {g.embedding.dicom_modality for g in plan.groups if g.embedding}


@pytest.mark.parametrize("frozen", [True, False])
def test_an_encoder_begins_with_given_weights_and_keeps_them_if_frozen(cohort, patients, tmp_path, frozen: bool):
    given = Encoder.untrained(MANIFEST, 5, precision="float32")
    data = given.weights()
    (tmp_path / "pretrained.safetensors").write_bytes(data)
    pretrained = Pretrained(
        url=(tmp_path / "pretrained.safetensors").as_uri(), sha256=hashlib.sha256(data).hexdigest(), frozen=frozen
    )
    blueprint = BLUEPRINT.model_copy(update={"pretrained": pretrained})
    few = replace(cohort, folds=np.where(cohort.folds[:, :1] == 0, 0, 1))
    found = embed(few, patients, blueprint, MANIFEST, 0, in_turn, RECIPE)
    kept = [e.weights() == data for e in (found.encoder, *found.of_fold.values())]
    assert kept == [frozen] * 3
    from_the_start = embed(few, patients, BLUEPRINT, MANIFEST, 0, in_turn, RECIPE)
    assert from_the_start.encoder.weights() != found.encoder.weights()


def test_pretrained_weights_of_another_digest_are_refused(cohort, patients, tmp_path):
    (tmp_path / "pretrained.safetensors").write_bytes(Encoder.untrained(MANIFEST, 5).weights())
    pretrained = Pretrained(url=str(tmp_path / "pretrained.safetensors"), sha256="0" * 64)
    blueprint = BLUEPRINT.model_copy(update={"pretrained": pretrained})
    with pytest.raises(InvalidInput, match="SHA-256"):
        embed(cohort, patients, blueprint, MANIFEST, 0, in_turn, RECIPE)


def test_a_folder_to_score_a_model_of_pixels_on_is_refused_in_words(tmp_path):
    from tumorcast_fusion.model import SHIPPED, PrognosisModel
    from tumorcast_training.cohort_data import read_data
    from tumorcast_training.tables import Schema

    model = PrognosisModel.load(SHIPPED / "sarcoma")
    with pytest.raises(InvalidInput, match="reads pixels"):
        read_data(tmp_path, Schema.of_manifest(model.manifest))
