"""A MONAI bundle takes the network's place; one that asks for code to be run is refused before anything runs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from support.clicks import ball, dice
from tumorcast_core.errors import InvalidInput, UnknownModel
from tumorcast_imaging.model.clicking import ClickNetwork, LookingSegmenter, SegmenterManifest, load_bundle, segment
from tumorcast_imaging.model.clicking.bundle import lesion_probability

UNET = {
    "_target_": "monai.networks.nets.UNet",
    "spatial_dims": 3,
    "in_channels": "@channels",
    "out_channels": 1,
    "channels": [16, 32, 64, 128],
    "strides": [2, 2, 2],
    "num_res_units": 1,
    "norm": "batch",
}
ORIENTED = [
    {"_target_": "LoadImaged", "keys": "@image_key"},
    {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
    {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
    {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 10, "b_min": 0, "b_max": 1},
]


def config(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "imports": ["$import glob"],
        "device": "$torch.device('cpu')",
        "image_key": "image",
        "channels": 8,
        "network_def": UNET,
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": ORIENTED},
    }
    return whole | changes


def bundle(folder: Path, whole: dict[str, Any], state: Any = None, name: str = "model.pt") -> Path:
    for part in ("configs", "models"):
        (folder / part).mkdir(parents=True)
    (folder / "configs" / "inference.json").write_text(json.dumps(whole))
    if state is not None:
        file = folder / "models" / name
        save_file(state, file) if name.endswith("safetensors") else torch.save(state, file)
    return folder


@pytest.fixture(scope="module")
def own() -> ClickNetwork:
    return ClickNetwork.untrained(SegmenterManifest(name="test", version="0", training_data="none"), seed=5)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_bundle_of_the_click_network_answers_as_the_network(tmp_path: Path, own: ClickNetwork, name: str) -> None:
    state = {key: tensor.contiguous() for key, tensor in own.network.state_dict().items()}
    loaded = load_bundle(bundle(tmp_path / "b", config(), state, name))
    volume, _, center = ball("PT")
    expected = LookingSegmenter(own).see(volume, center).probability
    assert np.array_equal(loaded.see(volume, center).probability, expected)


def _touch(path: Path) -> Any:
    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (path,))

    return Hostile()


@pytest.mark.parametrize(
    "changes",
    [
        {"network_def": {"_target_": "os.system", "command": "touch owned"}},
        {"network_def": {"_target_": "torch.hub.load", "repo_or_dir": "x/y", "model": "z"}},
        {"network_def": {"_target_": "monai.bundle.run"}},
        {"network_def": {"_target_": "monai.networks.nets.utils.UNet.x.SystemExit"}},
        {"network_def": {**UNET, "channels": "$[__import__('pathlib').Path('owned').touch()] * 4"}},
        {"network_def": {**UNET, "act": "%owned.json::act"}},
        {"network_def": {**UNET, "_mode_": "debug"}},
        {"network_def": {**UNET, "norm": "@nowhere"}},
        {"network_def": {**UNET, "norm": "@loop"}, "loop": "@loop"},
        {"network_def": {**UNET, "pretrained": True}},
        {"network_def": "$open('owned', 'w')"},
        {"network_def": {**UNET, "channels": [100_000] * 4}},
        {"preprocessing": {"transforms": [{"_target_": "Lambdad", "keys": "image", "func": "$print"}]}},
        {"preprocessing": {"transforms": [{"_target_": "SaveImaged", "keys": "image", "output_dir": "owned"}]}},
        {"preprocessing": {"transforms": [{**ORIENTED[2], "axcodes": "$open('owned', 'w')"}]}},
        {"preprocessing": "$open('owned', 'w')"},
        {"channels": 3},
    ],
    ids=lambda changes: str(next(iter(changes.values())))[:60],
)
def test_a_bundle_that_asks_for_code_or_nonsense_is_refused_and_nothing_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: ClickNetwork, changes: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = bundle(tmp_path / "b", config(**changes), own.network.state_dict())
    with pytest.raises(InvalidInput):
        load_bundle(folder)
    assert not (tmp_path / "owned").exists()


def test_weights_that_are_a_program_are_refused_and_do_not_run(tmp_path: Path, own: ClickNetwork) -> None:
    owned = tmp_path / "owned"
    folder = bundle(tmp_path / "b", config(), {"state_dict": _touch(owned)})
    with pytest.raises(InvalidInput, match="plain tensors"):
        load_bundle(folder)
    (folder / "models" / "model.pt").write_bytes(pickle.dumps(_touch(owned)))
    with pytest.raises(InvalidInput, match="plain tensors"):
        load_bundle(folder)
    (folder / "models" / "model.pt").rename(folder / "models" / "model.ts")
    with pytest.raises(InvalidInput, match="TorchScript"):
        load_bundle(folder)
    assert not owned.exists()


def test_a_folder_without_configuration_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with pytest.raises(UnknownModel):
        load_bundle(tmp_path)


def image_bundle(folder: Path, axcodes: str) -> Path:
    """A network of one channel that passes the image through: sigmoid(40 × (image − 0.4))."""
    unet = passing_through()
    whole = config(
        channels=1,
        network_def={
            **UNET,
            "channels": [2, 2],
            "strides": [1],
            "num_res_units": 0,
            "kernel_size": 1,
            "up_kernel_size": 1,
            "act": "RELU",
            "bias": True,
        },
        preprocessing={"transforms": [*ORIENTED[:2], {**ORIENTED[2], "axcodes": axcodes}, ORIENTED[3]]},
    )
    return bundle(folder, whole, unet)


def passing_through() -> dict[str, torch.Tensor]:
    from monai.networks.nets import UNet

    network = UNet(
        3,
        1,
        1,
        channels=(2, 2),
        strides=(1,),
        kernel_size=1,
        up_kernel_size=1,
        num_res_units=0,
        act="RELU",
        norm="batch",
    )
    state = network.state_dict()
    for name, tensor in state.items():
        if "running_var" in name:
            tensor.fill_(1)
        elif tensor.ndim == 5:
            tensor.fill_(0.5)
        elif tensor.is_floating_point():
            tensor.zero_()
        if name.endswith("N.weight"):
            tensor.fill_(1)
    inputs = torch.tensor([0.1, 0.8]).reshape(2, 1, 1, 1, 1)
    with torch.no_grad():
        low, high = network.eval()(inputs).flatten()
        last = [name for name, tensor in state.items() if name.endswith("bias")][-1]
        state[last].sub_((low + high) / 2)
    return state


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "SRA"])
def test_a_bundle_s_orientation_does_not_mirror_the_answer(tmp_path: Path, axcodes: str) -> None:
    volume, mask, center = ball("PT", index=(12.0, 14.0, 35.0), radius_mm=15)
    clicked = segment(volume, center, load_bundle(image_bundle(tmp_path / "b", axcodes)))
    assert clicked.region is not None
    assert dice(clicked.region.mask, mask) > 0.95


def test_an_array_is_turned_as_the_bundle_says(tmp_path: Path) -> None:
    volume, _, center = ball("PT", index=(12.0, 14.0, 35.0), radius_mm=6)
    segmenter = load_bundle(image_bundle(tmp_path / "b", "RAS"))
    image, to_lps = segmenter.prepared(volume)
    hottest = np.unravel_index(int(image[0].argmax()), image.shape[1:])
    assert np.allclose((to_lps @ [*hottest, 1])[:3], center, atol=7)
    directions = np.sign(np.diag(to_lps)[:3])
    assert directions.tolist() == [-1, -1, 1]


def test_the_class_at_the_seed_is_the_lesion() -> None:
    logits = torch.zeros(3, 4, 4, 4)
    logits[2, 1, 1, 1] = 5
    chosen = lesion_probability(logits, np.array([1, 1, 1]))
    assert chosen[1, 1, 1] == pytest.approx(np.exp(5) / (np.exp(5) + 2), rel=1e-5)
    assert lesion_probability(logits, np.array([3, 3, 3]))[3, 3, 3] == pytest.approx(2 / 3)
