"""An encoder gives one vector per crop: the same in any company, after any save and load."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tumorcast_core.errors import InvalidInput, MalformedRequest, UnknownModel
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Crop, CropSpec, Encoder, EncoderManifest, ResNetArchitecture, Window
from tumorcast_imaging.model.forward import PlainForward, packable

SHIPPED = ENCODERS / "ct-lesion"
ARCHITECTURES: list[dict[str, Any]] = [
    {},
    {"block": "bottleneck"},
    {"no_max_pool": False, "conv1_t_size": 7, "conv1_t_stride": 1},
    {"layers": (2, 1, 3, 1), "block_inplanes": (8, 12, 20, 40)},
    {"norm": "instance"},
    {"shortcut_type": "A", "conv1_t_size": 4},
]


def manifest(voxels: int = 24, **architecture: Any) -> EncoderManifest:
    return EncoderManifest(
        name="test-lesion",
        version="1",
        embedding_dim=8,
        crop=CropSpec(voxels=voxels, spacing_mm=2.5, windows={"CT": Window(low=-160, high=240)}),
        training_data="None.",
        simulated=True,
        architecture=ResNetArchitecture(**architecture),
    )


def crops(count: int, voxels: int = 24) -> list[Crop]:
    noise = np.random.default_rng(5).random((count, 2, voxels, voxels, voxels), np.float32)
    return [Crop("test-lesion", array, "CT") for array in noise]


def trained(precision: str, **architecture: Any) -> Encoder:
    """An encoder whose norms are no identities, as after training; biases are large, as in the shipped one."""
    encoder = Encoder.untrained(manifest(**architecture), 0, precision=precision)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in encoder.network.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
                module.bias.normal_(generator=generator).mul_(3)
    return encoder


def by_the_network(encoder: Encoder, crop: Crop) -> np.ndarray:
    with torch.no_grad():
        return encoder.network(torch.from_numpy(crop.array[None])).numpy()[0]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_vector_does_not_depend_on_the_batch(precision):
    encoder = trained(precision)
    together = encoder.encode(crops(4))
    alone = [encoder.encode([crop])[0] for crop in crops(4)]
    assert np.array_equal(together, alone)
    assert together[0].shape == (8,)
    assert together[0].dtype == np.float32


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_vector_does_not_depend_on_the_number_of_threads(precision):
    encoder = trained(precision)
    device, dtype = encoder.device, torch.bfloat16 if precision == "bf16" else torch.float32
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(encoder.encode(crops(1))[0])
    finally:
        torch.set_num_threads(threads)
    # torch's own kernels may split a sum among threads; oneDNN's do not
    tolerance = 0 if packable(encoder.manifest.architecture, device, dtype) else 5e-3
    assert max(np.abs(found[0] - other).max() for other in found) <= tolerance


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_callers_at_the_same_time_get_the_same_vectors(precision):
    encoder, wanted = trained(precision), crops(8)
    with ThreadPoolExecutor(4) as pool:  # the first ones make the network ready at the same time
        together = list(pool.map(lambda crop: encoder.encode([crop])[0], wanted))
    assert np.array_equal(together, encoder.encode(wanted))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_network_made_ready_computes_what_the_network_does(architecture):
    encoder, (crop,) = trained("float32", **architecture), crops(1)
    expected = by_the_network(encoder, crop)
    assert np.abs(encoder.encode([crop])[0] - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bf16_differs_from_float32_by_its_rounding_only(architecture):
    encoder, (crop,) = trained("bf16", **architecture), crops(1)
    expected = by_the_network(encoder, crop)
    assert 0 < np.linalg.norm(encoder.encode([crop])[0] - expected) <= 0.02 * np.linalg.norm(expected)


def test_plain_torch_gives_nearly_the_vectors_of_the_packed_network():
    for precision, tolerance in (("float32", 1e-5), ("bf16", 2e-2)):
        encoder = Encoder.load(SHIPPED, precision=precision)
        (crop,) = crops(1, voxels=encoder.manifest.crop.voxels)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        plain = PlainForward(encoder.network, encoder.device, dtype)(crop.array[None])[0]
        assert np.linalg.norm(encoder.encode([crop])[0] - plain) <= tolerance * np.linalg.norm(plain)


def test_weights_that_change_after_a_pass_are_the_ones_used():
    encoder = trained("float32")
    before = encoder.encode(crops(1))[0]
    space = encoder.embedding_space
    with torch.no_grad():
        encoder.network.conv1.weight.mul_(1.1)
    after = encoder.encode(crops(1))[0]
    assert np.allclose(after, by_the_network(encoder, crops(1)[0]), atol=1e-5)
    assert np.abs(after - before).max() > 1e-4
    assert encoder.embedding_space != space


def test_encoding_leaves_the_weights_as_they_are():
    encoder = trained("bf16")
    space = encoder.embedding_space
    encoder.encode(crops(1))
    assert encoder.embedding_space == space
    assert all(parameter.requires_grad for parameter in encoder.network.parameters())


def test_a_crop_that_must_not_be_written_to_is_read():
    (crop,) = crops(1)
    expected = trained("float32").encode([crop])[0]
    crop.array.setflags(write=False)  # as Ray hands arrays over
    assert np.array_equal(trained("float32").encode([crop])[0], expected)


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
    with pytest.raises(InvalidInput, match="SHA-256"):
        Encoder.load(tmp_path)


def test_missing_folders_weights_and_bad_manifests_are_told(tmp_path: Path):
    with pytest.raises(UnknownModel):
        Encoder.load(tmp_path / "nowhere")
    manifest().save(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be fetched"):
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
    assert (spec.name, list(spec.crop.windows), spec.simulated) == ("ct-lesion", ["CT"], True)
    assert (SHIPPED / "weights.safetensors").stat().st_size < 10 << 20
    (vector,) = encoder.encode([Crop(spec.name, np.zeros((2, *(spec.crop.voxels,) * 3), np.float32), "CT")])
    assert vector.shape == (spec.embedding_dim,)
    assert np.isfinite(vector).all()
