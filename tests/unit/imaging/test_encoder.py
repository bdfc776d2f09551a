"""An encoder gives one vector per crop: the same in any company, after any save and load."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tumorcast_core.errors import InvalidInput, MalformedRequest, UnknownModel
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Crop, CropSpec, Encoder, EncoderManifest

SHIPPED = ENCODERS / "ct-lesion"


def manifest(voxels: int = 24) -> EncoderManifest:
    return EncoderManifest(
        name="test-lesion",
        version="1",
        dicom_modality="CT",
        embedding_dim=8,
        crop=CropSpec(voxels=voxels, spacing_mm=2.5, window_hu=(-160, 240)),
        training_data="None.",
        simulated=True,
    )


def crops(count: int, voxels: int = 24) -> list[Crop]:
    noise = np.random.default_rng(5).random((count, 2, voxels, voxels, voxels), np.float32)
    return [Crop("test-lesion", array, "CT") for array in noise]


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bf16", 1e-5)])
def test_the_vector_does_not_depend_on_the_batch(precision, tolerance):
    encoder = Encoder.untrained(manifest(), 0, precision=precision)
    together = encoder.encode(crops(4))
    alone = [encoder.encode([crop])[0] for crop in crops(4)]
    assert np.abs(np.stack(together) - np.stack(alone)).max() < tolerance
    assert together[0].shape == (8,)
    assert together[0].dtype == np.float32


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bf16", 5e-3)])
def test_the_vector_does_not_depend_on_the_number_of_threads(precision, tolerance):
    encoder = Encoder.untrained(manifest(), 0, precision=precision)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(encoder.encode(crops(1))[0])
    finally:
        torch.set_num_threads(threads)
    assert np.abs(found[0] - found[1]).max() < tolerance


def test_different_crops_have_different_vectors():
    a, b = Encoder.untrained(manifest(), 0, precision="float32").encode(crops(2))
    assert np.abs(a - b).max() > 1e-4


def test_saved_and_loaded_it_is_the_same_encoder(tmp_path: Path):
    made = Encoder.untrained(manifest(), 0, precision="float32")
    space = made.embedding_space
    made.save(tmp_path)
    loaded = Encoder.load(tmp_path, precision="float32")
    assert loaded.embedding_space == made.embedding_space == space
    assert space.startswith("test-lesion@")
    assert space.endswith("/float32")
    assert np.array_equal(made.encode(crops(1))[0], loaded.encode(crops(1))[0])


def test_seed_decides_the_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    a, b, other = (Encoder.untrained(manifest(), seed).embedding_space for seed in (0, 0, 1))
    assert a == b != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_precision_is_part_of_the_space():
    spaces = {Encoder.untrained(manifest(), 0, precision=p).embedding_space for p in ("float32", "bf16")}
    assert len(spaces) == 2


def test_tampered_weights_are_refused(tmp_path: Path):
    Encoder.untrained(manifest(), 0).save(tmp_path)
    weights = tmp_path / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(InvalidInput, match="sha256"):
        Encoder.load(tmp_path)


def test_missing_folders_weights_and_bad_manifests_are_told(tmp_path: Path):
    with pytest.raises(UnknownModel):
        Encoder.load(tmp_path / "nowhere")
    manifest().save(tmp_path)
    with pytest.raises(InvalidInput, match="missing"):
        Encoder.load(tmp_path)
    (tmp_path / "manifest.yaml").write_text("name: [")
    with pytest.raises(InvalidInput, match="schema"):
        Encoder.load(tmp_path)


def test_a_crop_of_another_shape_is_refused():
    with pytest.raises(MalformedRequest):
        Encoder.untrained(manifest(), 0).encode(crops(1, voxels=16))


def test_the_shipped_encoder_loads_and_is_small():
    encoder = Encoder.load(SHIPPED)
    spec = encoder.manifest
    assert (spec.name, spec.dicom_modality, spec.simulated) == ("ct-lesion", "CT", True)
    assert (SHIPPED / "weights.safetensors").stat().st_size < 10 << 20
    (vector,) = encoder.encode([Crop(spec.name, np.zeros((2, *(spec.crop.voxels,) * 3), np.float32), "CT")])
    assert vector.shape == (spec.embedding_dim,)
    assert np.isfinite(vector).all()
