"""Saliency finds the evidence of networks whose evidence is known, and lies where it is in the patient."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.volumes import ORIENTATIONS, affine_of, places, volume_of
from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model import CropSpec, Encoder, EncoderManifest, Window, crop_of
from tumorcast_imaging.model.crop import affine_of as crop_affine
from tumorcast_imaging.model.saliency import (
    after_randomization,
    gradient_saliency,
    local_mean,
    model_direction,
    norm_direction,
    occlusion,
    on_volume,
    principal_direction,
    randomized,
    score_along,
    shares,
)
from tumorcast_imaging.model.saliency.replacing import patch_size, without_tissue

N = 16
EVIDENCE = (slice(8, 12), slice(4, 8), slice(10, 14))
FIRST = np.array([1.0, 0.0])
METHODS = ["gradient", "smooth", "integrated", "occlusion"]


class Reads(torch.nn.Module):
    """A network that reads the mean of one box of the image and nothing else; its second output is constant."""

    def __init__(self, box=EVIDENCE, weight=2.0):
        super().__init__()
        self.box, self.weight = box, torch.nn.Parameter(torch.tensor(weight))

    def forward(self, crops):
        mean = crops[:, 0, *self.box].mean(dim=(1, 2, 3))
        return torch.stack([self.weight * mean**2, torch.ones_like(mean)], dim=1)


def score_of(network, direction=FIRST):
    def score(crops):
        with torch.no_grad():
            return network(torch.from_numpy(crops)).numpy().astype(float) @ direction

    return score


def crop_with_evidence(seed=0, voxels=N):
    image = np.random.default_rng(seed).uniform(0.2, 0.4, (voxels,) * 3)
    image[EVIDENCE] += 0.4
    mask = np.zeros((voxels,) * 3)
    mask[EVIDENCE] = 1
    return np.stack([image, mask]).astype(np.float32)


def saliency_by(method, network, crop):
    if method == "occlusion":
        return occlusion(score_of(network), crop, size=4, stride=2)
    return gradient_saliency(network, crop, FIRST, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_saliency_lies_on_the_evidence(method):
    saliency = np.abs(saliency_by(method, Reads(), crop_with_evidence()))
    peak = np.unravel_index(saliency.argmax(), saliency.shape)
    assert all(part.start <= p < part.stop for part, p in zip(EVIDENCE, peak, strict=True))
    share = saliency[EVIDENCE].sum() / saliency.sum()
    assert share > (0.15 if method == "occlusion" else 0.999)  # cubes that touch the evidence stand out of it
    assert saliency[EVIDENCE].mean() > 5 * saliency.mean()


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_score_has_no_saliency(method):
    network = Reads(weight=0.0)
    assert not saliency_by(method, network, crop_with_evidence()).any()


def test_integrated_gradients_sum_up_to_the_change_of_the_score():
    crop, network = crop_with_evidence(), Reads()
    blank = without_tissue(crop, patch_size(N))
    change = score_of(network)(np.stack([crop, blank]))
    saliency = gradient_saliency(network, crop, FIRST, method="integrated", samples=50)
    assert saliency.sum() == pytest.approx(change[0] - change[1], rel=1e-4)


def test_gradient_saliency_is_the_derivative_times_what_stands_out():
    crop, network = crop_with_evidence(), Reads()
    saliency = gradient_saliency(network, crop, FIRST, method="gradient")
    at = (9, 5, 12)
    step = 0.01
    up, down = crop.copy(), crop.copy()
    up[0][at] += step
    down[0][at] -= step
    slope = np.diff(score_of(network)(np.stack([down, up])))[0] / (2 * step)
    stands_out = crop[0][at] - without_tissue(crop, patch_size(N))[0][at]
    assert saliency[at] == pytest.approx(slope * stands_out, rel=1e-2)


def test_occlusion_of_one_cube_is_the_change_of_the_score():
    crop, network = crop_with_evidence(), Reads()
    box = (slice(8, 12), slice(4, 8), slice(8, 12))
    changed = crop.copy()
    changed[0][box] = local_mean(crop[0], 4)[box]
    expected = np.diff(score_of(network)(np.stack([changed, crop])))[0]
    saliency = occlusion(score_of(network), crop, size=4)
    np.testing.assert_allclose(saliency[box], expected, rtol=1e-5)


@settings(max_examples=25)
@given(size=st.integers(1, 9), stride=st.integers(1, 9))
def test_cubes_of_any_size_and_stride_cover_the_crop(size, stride):
    """A score that is the image's sum changes by what each cube takes away, wherever it is."""
    rng = np.random.default_rng(4)
    crop = np.stack([rng.random((8, 8, 8)), np.zeros((8, 8, 8))]).astype(np.float32)
    saliency = occlusion(lambda crops: crops[:, 0].sum(axis=(1, 2, 3)), crop, size=size, stride=stride)
    assert saliency.shape == (8, 8, 8)
    assert np.isfinite(saliency).all()


def test_the_local_mean_of_a_uniform_image_is_the_image():
    np.testing.assert_allclose(local_mean(np.full((9, 9, 9), 0.7, np.float32), 2), 0.7, atol=1e-6)


def test_a_network_is_left_as_it_was():
    network = Reads().train()
    gradient_saliency(network, crop_with_evidence(), FIRST)
    assert network.training
    assert network.weight.grad is None


def test_the_same_seed_gives_the_same_saliency():
    network, crop = Reads(), crop_with_evidence()
    one, same, other = (gradient_saliency(network, crop, FIRST, seed=seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize(
    "crop",
    [
        np.zeros((2, 8, 8, 9), np.float32),
        np.zeros((8, 8, 8), np.float32),
        np.full((2, 8, 8, 8), np.nan, np.float32),
        np.zeros((2, 1, 1, 1), np.float32),
    ],
    ids=["no cube", "no channels", "not a number", "one voxel"],
)
def test_what_is_no_crop_is_refused(crop):
    with pytest.raises(InvalidInput):
        occlusion(lambda crops: crops[:, 0].sum(axis=(1, 2, 3)), crop)


def test_a_score_that_is_not_a_number_is_refused():
    with pytest.raises(InvalidInput, match="not a number"):
        occlusion(lambda crops: np.full(len(crops), np.nan), crop_with_evidence())


# The sanity check of Adebayo 2018


def small_encoder(seed=3):
    manifest = EncoderManifest(
        name="small",
        version="1",
        embedding_dim=4,
        crop=CropSpec(voxels=N, spacing_mm=3.0, windows={"CT": Window(low=-160, high=240)}),
        training_data="None.",
        simulated=True,
    )
    return Encoder.untrained(manifest, seed, precision="float32")


def test_saliency_changes_when_the_network_forgets():
    encoder, crop = small_encoder(), crop_with_evidence()
    direction = norm_direction(encoder.encode([crop_object(encoder, crop)])[0]).vector

    def of(network):
        return gradient_saliency(network, crop, direction, samples=8)

    assert abs(after_randomization(encoder.network, of, repeats=3)) < 0.7
    assert after_randomization(encoder.network, lambda _: crop[0], repeats=2) == pytest.approx(1)
    assert after_randomization(encoder.network, lambda _: np.ones_like(crop[0]), repeats=2) == 0


def test_randomized_weights_are_the_same_numbers_elsewhere():
    network = small_encoder().network
    other = randomized(network, 1)
    moved = 0
    for own, its in zip(network.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(np.sort(own.detach().numpy().ravel()), np.sort(its.detach().numpy().ravel()))
        moved += int((own != its).sum())
    assert moved > 100


def crop_object(encoder, array):
    from tumorcast_imaging.model import Crop

    return Crop(encoder.manifest.name, array, "CT")


def test_an_encoders_gradient_agrees_with_its_served_score():
    encoder, crop = small_encoder(), crop_with_evidence()
    direction = norm_direction(encoder.encode([crop_object(encoder, crop)])[0])
    score = score_along(encoder, direction)
    blank = without_tissue(crop, patch_size(N))
    change = score(np.stack([crop]))[0] - score(np.stack([blank]))[0]
    parts = gradient_saliency(encoder.network, crop, direction.vector, method="integrated", samples=100)
    assert parts.sum() == pytest.approx(change, rel=0.05)


# Directions


def test_the_norms_direction_gives_the_norm():
    vector = np.array([3.0, -4.0])
    assert norm_direction(vector).vector @ vector == pytest.approx(5)


@given(st.integers(0, 1000))
def test_the_principal_direction_is_the_one_that_was_put_in(seed):
    rng = np.random.default_rng(seed)
    along = rng.normal(size=6)
    along /= np.linalg.norm(along)
    vectors = 5 + 10 * rng.normal(size=(60, 1)) * along + 0.1 * rng.normal(size=(60, 6))
    found = principal_direction(vectors).vector
    assert abs(found @ along) > 0.99
    assert found[np.abs(found).argmax()] > 0


def test_a_linear_models_direction_is_its_slope():
    slope = np.array([1.0, -2.0, 2.0])
    found = model_direction(lambda v: float(slope @ v) - 7, np.array([0.3, 0.1, 0.9]))
    np.testing.assert_allclose(found.vector, slope / 3, atol=1e-5)
    assert found.kind == "model"


@pytest.mark.parametrize(
    "make",
    [
        lambda: norm_direction(np.zeros(3)),
        lambda: principal_direction(np.ones((1, 3))),
        lambda: principal_direction(np.ones((4, 3))),
        lambda: model_direction(lambda _: 1.0, np.ones(3)),
    ],
    ids=["no length", "one patient", "all alike", "flat model"],
)
def test_no_direction_is_refused(make):
    with pytest.raises(InvalidInput):
        make()


# Places


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_saliency_comes_back_to_the_voxels_that_it_is_about(orientation):
    center = np.array([6.0, -9.0, 4.0])

    def hot(x):
        return 200.0 * np.exp(-(np.linalg.norm(x - center, axis=-1) ** 2) / 50)

    volume = volume_of(hot, orientation=orientation, spacing_mm=(2, 2, 2), shape=(30, 30, 30))
    mask = np.linalg.norm(places(volume.affine_lps, volume.array.shape) - [2, -4, 1], axis=-1) < 8
    manifest = small_encoder().manifest
    crop = crop_of(volume, mask, manifest)
    affine = crop_affine(volume, mask, voxels=N, spacing_mm=3.0)
    back = on_volume(crop.array[0] - crop.array[0].min(), affine, volume)
    peak = np.unravel_index(back.argmax(), back.shape)
    at = volume.affine_lps[:3, :3] @ np.array(peak) + volume.affine_lps[:3, 3]
    np.testing.assert_allclose(at, center, atol=2.5)
    assert back.shape == volume.array.shape


def test_outside_the_crop_nothing_is_salient():
    volume = volume_of(lambda x: x[..., 0], spacing_mm=(2, 2, 2), shape=(30, 30, 30))
    affine = affine_of(ORIENTATIONS["axial"], (2, 2, 2), (6, 6, 6), (0, 0, 0))
    back = on_volume(np.ones((6, 6, 6), np.float32), affine, volume)
    assert back.sum() == pytest.approx(6**3, rel=0.01)


def test_shares_of_known_saliency_are_known():
    saliency, mask = np.zeros((10, 10, 10), np.float32), np.zeros((10, 10, 10), bool)
    mask[4:6, 4:6, 4:6] = True
    saliency[4, 4, 4] = -6  # in the lesion
    saliency[4, 4, 7] = 3  # 2 voxels of 2.5 mm outside
    saliency[4, 4, 9] = 1  # 4 voxels outside
    found = shares(saliency, mask, 2.5)
    assert (found.inside, found.rim, found.outside) == pytest.approx((0.6, 0.3, 0.1))
    assert found.voxels_inside == pytest.approx(8 / 1000)
    assert found.voxels_inside + found.voxels_rim + found.voxels_outside == pytest.approx(1)


def test_no_saliency_has_no_shares():
    found = shares(np.zeros((4, 4, 4), np.float32), np.zeros((4, 4, 4), bool), 1.0)
    assert (found.inside, found.rim, found.outside, found.voxels_outside) == (0, 0, 0, 1)


def test_neither_pictures_nor_the_deletion_test_bring_torch():
    code = (
        "import sys, tumorcast_imaging.model.pictures, tumorcast_imaging.model.saliency; print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
