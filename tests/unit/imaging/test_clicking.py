"""A click finds the lesion under it on any grid, says how sure it is, and refuses what cannot be clicked."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clicks import OBLIQUE, Bright, ball, dice
from tumorcast_core.errors import InvalidInput, UnknownModel
from tumorcast_imaging.model.clicking import (
    SHIPPED,
    ClickNetwork,
    LookingSegmenter,
    RegionGrowing,
    SegmenterManifest,
    Threshold,
    named_segmenter,
    segment,
)
from tumorcast_imaging.model.clicking.field import SPACING_MM, Field, field_around
from tumorcast_imaging.model.clicking.segmenting import component_at
from tumorcast_imaging.model.clicking.view import VOXELS, View, tensor_of

MANIFEST = SegmenterManifest(name="test", version="0", training_data="none")


@pytest.mark.parametrize("kind", ["PT", "CT", "MR"])
@pytest.mark.parametrize("axes", [None, OBLIQUE], ids=["axial", "oblique"])
@pytest.mark.parametrize("spacing", [(3.0, 3.0, 3.0), (5.0, 2.0, 2.0)], ids=["even", "thick slices"])
def test_the_network_s_answer_comes_back_to_the_voxels_it_was_given_for(kind, axes, spacing) -> None:
    volume, mask, center = ball(kind, shape=(30, 50, 50), spacing=spacing, radius_mm=22, axes=axes)
    clicked = segment(volume, center + np.array([4.0, -3.0, 2.0]), LookingSegmenter(Bright()))
    assert clicked.region is not None
    assert dice(clicked.region.mask, mask) > 0.9
    assert clicked.region.volume_ml == pytest.approx(clicked.region.mask.sum() * np.prod(spacing) / 1000)


def test_a_lesion_wider_than_the_first_views_is_whole() -> None:
    volume, mask, center = ball("CT", shape=(70, 74, 74), spacing=(5.0, 5.0, 5.0), radius_mm=140)
    clicked = segment(volume, center + np.array([60.0, 0, 0]), LookingSegmenter(Bright()))
    assert dice(clicked.region.mask, mask) > 0.95
    assert clicked.account.widths_mm[-1] > 330


def test_the_same_click_gives_the_same_answer_to_the_bit() -> None:
    volume, _, center = ball("MR")
    network = ClickNetwork.untrained(MANIFEST, seed=3)
    seen = [LookingSegmenter(network).see(volume, center).probability for _ in range(2)]
    assert np.array_equal(*seen)


def test_a_second_click_in_the_same_series_equals_a_first_one() -> None:
    volume, _, center = ball("PT")
    network = ClickNetwork.untrained(MANIFEST, seed=3)
    used = LookingSegmenter(network)
    used.see(volume, center + 9.0)
    assert np.array_equal(
        used.see(volume, center).probability, LookingSegmenter(network).see(volume, center).probability
    )


@pytest.mark.parametrize(
    ("kind", "offset", "value", "code"),
    [
        ("PT", (500.0, 0, 0), None, "SEED_OUTSIDE_VOLUME"),
        ("CT", (np.nan, 0, 0), None, "SEED_OUTSIDE_VOLUME"),
        ("CT", (0, 0, 0), -1000.0, "SEED_IN_AIR"),
        ("PT", (0, 0, 0), 0.0, "SEED_IN_AIR"),
    ],
)
def test_a_seed_that_cannot_be_meant_is_refused_by_name(kind, offset, value, code) -> None:
    volume, _, center = ball(kind)
    if value is not None:
        volume.array[...] = value
    clicked = segment(volume, center + offset, Threshold())
    assert clicked.region is None
    assert [one.code for one in clicked.issues] == [code]


def test_a_network_that_sees_nothing_gives_no_region() -> None:
    class Blind(Bright):
        def probability(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.zeros(inputs.shape[0], *inputs.shape[2:])

    volume, _, center = ball()
    clicked = segment(volume, center, LookingSegmenter(Blind()))
    assert clicked.region is None
    assert [one.code for one in clicked.issues] == ["NOTHING_AT_SEED"]


def test_doubt_is_none_where_the_answer_is_all_or_nothing_and_one_bit_where_it_is_even() -> None:
    class Even(Bright):
        def probability(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.full((inputs.shape[0], *inputs.shape[2:]), 0.5)

    volume, _, center = ball()
    sure = segment(volume, center, Threshold()).account
    unsure = segment(volume, center, LookingSegmenter(Even())).account
    assert sure.mean_probability == pytest.approx(1)
    assert sure.border_entropy_bits == pytest.approx(0, abs=1e-4)
    assert unsure.mean_probability == pytest.approx(0.5, abs=1e-3)
    assert sure.volume_range_ml[0] == sure.volume_range_ml[1]
    assert unsure.volume_range_ml[0] == 0


def test_only_the_part_at_the_seed_is_taken() -> None:
    mask = np.zeros((5, 5, 12), bool)
    mask[2, 2, 1:4] = mask[2, 2, 7:11] = True
    assert component_at(mask, np.array([2, 2, 2]), (1, 1, 1)).sum() == 3
    assert component_at(mask, np.array([2, 2, 6]), (1, 1, 1)).sum() == 4
    assert component_at(mask, np.array([2, 2, 6]), (1, 1, 20)) is None


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda p: sum(x * x for x in p) < 0.8))
def test_any_click_in_an_even_hot_ball_finds_that_ball_by_the_threshold(part) -> None:
    volume, mask, center = ball("PT", shape=(24, 24, 24))
    clicked = segment(volume, center + 18.0 * np.array(part), Threshold())
    assert np.array_equal(clicked.region.mask, mask)


@pytest.mark.parametrize("kind", ["CT", "MR"])
def test_the_rules_find_an_even_ball_in_ct_and_mr_but_for_its_smoothed_rim(kind) -> None:
    volume, mask, center = ball(kind)
    volume.array[...] += np.random.default_rng(1).normal(0, 8, volume.array.shape)
    for rule in (Threshold(), RegionGrowing(width=3)):
        assert dice(segment(volume, center, rule).region.mask, mask) > 0.6


def test_a_field_says_where_its_voxels_lie() -> None:
    volume, _, center = ball("MR", axes=OBLIQUE)
    rows = np.indices(volume.array.shape)
    lps = np.tensordot(volume.affine_lps[:3, :3], rows, axes=1) + volume.affine_lps[:3, 3].reshape(3, 1, 1, 1)
    normal = np.array([0.3, -0.2, 0.5])
    volume.array[...] = 400 + np.tensordot(normal, lps - center.reshape(3, 1, 1, 1), axes=1)
    field = field_around(volume, center, 30.0)
    index, left = np.array([12, 15, 10]), np.array([0, 0, 1])
    here = field.point(index * SPACING_MM)
    there = field.point((index + left) * SPACING_MM)
    step = field.array[tuple(index + left)] - field.array[tuple(index)]
    scale = (field.array[tuple(index)] * 1.0) / (400 + normal @ (here - center))
    assert np.allclose(there - here, [SPACING_MM, 0, 0])
    assert step / scale == pytest.approx(normal @ (there - here), rel=0.02)


@pytest.mark.parametrize("width", [70.0, 300.0])
def test_a_view_of_a_ramp_is_that_ramp(width: float) -> None:
    k, j, i = np.indices((160, 160, 160)) * SPACING_MM
    field = Field((k + 2 * j - i).astype(np.float32), np.zeros(3), "MR")
    view = View(np.array([160.0, 158.0, 161.0]), np.zeros(3), width, np.diag([1.0, -1.0, 1.0]))
    seen = view.of(tensor_of(field)).numpy()
    places = view.places().numpy()
    inner = slice(8, -8)
    expected = places[..., 0] + 2 * places[..., 1] - places[..., 2]
    assert np.allclose(seen[inner, inner, inner], expected[inner, inner, inner], atol=1e-2)
    assert places[0, 0, 0, 1] > places[0, -1, 0, 1]
    assert view.step_mm == width / VOXELS


def test_a_saved_network_comes_back_and_changed_weights_do_not(tmp_path) -> None:
    network = ClickNetwork.untrained(MANIFEST, seed=1)
    network.save(tmp_path)
    loaded = ClickNetwork.load(tmp_path)
    inputs = torch.randn(2, 8, VOXELS, VOXELS, VOXELS, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.probability(inputs), network.probability(inputs))
    assert torch.equal(loaded.probability(inputs[1:])[0], loaded.probability(inputs)[1])
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(InvalidInput, match="sha256"):
        ClickNetwork.load(tmp_path)
    with pytest.raises(UnknownModel):
        named_segmenter(str(tmp_path / "nothing"))


def test_the_shipped_network_is_small_and_finds_a_hot_ball() -> None:
    volume, mask, center = ball("PT", shape=(50, 50, 50), spacing=(4.0, 4.0, 4.0), radius_mm=30)
    segmenter = named_segmenter()
    assert sum(t.numel() for t in segmenter.network.network.parameters()) * 4 < 20_000_000
    clicked = segment(volume, center, segmenter)
    assert clicked.region is not None
    assert dice(clicked.region.mask, mask) > 0.7


def test_the_shipped_card_is_the_one_of_the_shipped_figures() -> None:
    from tumorcast_training.segmentation.card import card

    metrics = json.loads((SHIPPED / "metrics.json").read_text())
    assert (SHIPPED / "card.md").read_text() == card(SegmenterManifest.load(SHIPPED), metrics)
    assert [about["patients"] for about in metrics["modalities"].values()] == [40, 40, 40]
    for line in (SHIPPED / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest
