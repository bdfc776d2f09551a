"""Networks by name, weights by path or URL with their digest: taken over where they fit, refused where they do not."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model import Crop, CropSpec, Encoder, EncoderManifest, Window
from tumorcast_imaging.model.weights import fetch, tensors_of, transfer

KINDS = ["monai.ResNet", "monai.DenseNet", "monai.ViT", "monai.Swin"]


def manifest(kind: str, voxels: int = 32, **update) -> EncoderManifest:
    return EncoderManifest.model_validate(
        {
            "name": "any-lesion",
            "version": "1",
            "embedding_dim": 6,
            "crop": {"voxels": voxels, "spacing_mm": 4, "windows": {"PT": {"low": 0, "high": 10}}},
            "architecture": {"kind": kind},
            "training_data": "None.",
            "simulated": True,
            **update,
        }
    )


def crop(voxels: int = 32) -> Crop:
    return Crop("any-lesion", np.random.default_rng(3).random((2, voxels, voxels, voxels), np.float32), "PT")


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_gives_a_vector_and_comes_back_from_disk(kind: str, tmp_path: Path):
    encoder = Encoder.untrained(manifest(kind), 1, precision="float32")
    (vector,) = encoder.encode([crop()])
    assert vector.shape == (6,)
    assert np.isfinite(vector).all()
    encoder.save(tmp_path)
    (again,) = Encoder.load(tmp_path, precision="float32").encode([crop()])
    assert np.array_equal(vector, again)


@pytest.mark.parametrize("kind", KINDS)
def test_an_architecture_learns(kind: str):
    encoder = Encoder.untrained(manifest(kind), 1)
    x = torch.from_numpy(crop().array[None])
    encoder.network.train()
    encoder.network(torch.cat([x, 1 - x])).square().sum().backward()
    assert all(p.grad is not None for p in encoder.network.parameters() if p.requires_grad and p.ndim == 5)


@pytest.mark.parametrize(
    ("kind", "voxels", "extra"),
    [
        ("monai.ViT", 30, {}),
        ("monai.ViT", 32, {"heads": 5}),
        ("monai.Swin", 24, {}),
        ("monai.Swin", 32, {"heads": [5, 5, 5, 5]}),
        ("monai.DenseNet", 8, {}),
    ],
)
def test_an_architecture_that_does_not_fit_its_crop_is_told(kind: str, voxels: int, extra: dict):
    with pytest.raises(InvalidInput, match="does not fit its crop"):
        Encoder.untrained(manifest(kind, voxels, architecture={"kind": kind, **extra}), 0)


def test_weights_come_from_any_url_with_their_digest(tmp_path: Path):
    encoder = Encoder.untrained(manifest("monai.DenseNet"), 1, precision="float32")
    encoder.save(tmp_path)
    elsewhere = tmp_path / "elsewhere.safetensors"
    (tmp_path / "weights.safetensors").rename(elsewhere)
    encoder.manifest.model_copy(update={"weights_url": elsewhere.as_uri()}).save(tmp_path)
    assert np.array_equal(Encoder.load(tmp_path, precision="float32").encode([crop()]), encoder.encode([crop()]))
    elsewhere.write_bytes(elsewhere.read_bytes()[:-1] + b"x")
    with pytest.raises(InvalidInput, match="SHA-256"):
        Encoder.load(tmp_path)


@pytest.mark.parametrize("where", ["nowhere.safetensors", "no-such-protocol://host/file", "memory://not-there"])
def test_weights_that_are_not_there_are_told(where: str):
    with pytest.raises(InvalidInput, match="cannot be fetched"):
        fetch(where, "0" * 64)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path: Path):
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return Path.touch, (marker,)

    with pytest.raises(InvalidInput, match="without code"):
        tensors_of(pickle.dumps({"state_dict": Hostile()}, protocol=2))
    assert not marker.exists()


def test_weights_of_a_wrapped_network_with_three_channels_are_transferred(tmp_path: Path):
    like = Encoder.untrained(manifest("monai.ResNet"), 1).network
    other = {f"module.{name}": torch.rand(t.shape) for name, t in like.state_dict().items()}
    other["module.conv1.weight"] = torch.randn(16, 3, 5, 5, 5)
    other["module.fc.weight"] = torch.randn(1000, 128)
    file = tmp_path / "pretrained.pt"
    torch.save({"state_dict": other, "epoch": 3}, file)
    data = fetch(file, hashlib.sha256(file.read_bytes()).hexdigest())
    target = Encoder.untrained(manifest("monai.ResNet"), 2).network
    before = target.fc.weight.clone()
    taken = transfer(target, tensors_of(data))
    assert "layer1.0.conv1.weight" in taken
    assert "fc.weight" not in taken
    assert torch.equal(target.fc.weight, before)
    assert torch.equal(target.layer1[0].conv1.weight, other["module.layer1.0.conv1.weight"])
    mean = other["module.conv1.weight"].mean(dim=1) * 1.5
    assert torch.allclose(target.conv1.weight[:, 0], mean)
    with pytest.raises(InvalidInput, match="None of the given weights"):
        transfer(target, tensors_of(save({"other": torch.zeros(3)})))


def test_a_window_of_percentiles_follows_the_volume_and_one_of_values_does_not():
    from types import SimpleNamespace

    from tumorcast_imaging.model.crop import bounds_of

    values = np.concatenate([np.zeros(500), np.arange(1, 1001)]).astype(np.float32)
    volume = SimpleNamespace(array=values)
    low, high = bounds_of(Window(low=1, high=99, of="percentiles"), volume)
    assert (round(low), round(high)) == (11, 990)
    brighter = SimpleNamespace(array=values * 7)
    assert np.allclose(bounds_of(Window(low=1, high=99, of="percentiles"), brighter), (7 * low, 7 * high))
    assert bounds_of(Window(low=-160, high=240), brighter) == (-160, 240)
    flat = bounds_of(Window(low=1, high=99, of="percentiles"), SimpleNamespace(array=np.zeros(5, np.float32)))
    assert flat[0] < flat[1]


@pytest.mark.parametrize("window", [{"low": 5, "high": 5}, {"low": -1, "high": 50, "of": "percentiles"}])
def test_a_window_without_width_or_beyond_all_percentiles_is_refused(window: dict):
    with pytest.raises(ValueError, match="window"):
        CropSpec.model_validate({"voxels": 32, "spacing_mm": 4, "windows": {"MR": window}})
