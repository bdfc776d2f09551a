"""The deletion test tells saliency that matters from saliency that does not, fairly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.saliency import Walk, deletion_test, over_patients
from tumorcast_imaging.model.saliency.deletion import _by_patch, _random
from tumorcast_imaging.model.saliency.replacing import patch_size

N = 16
EVIDENCE = (slice(8, 12), slice(4, 8), slice(10, 14))


def score(crops):
    """The mean of the evidence."""
    return crops[:, 0, *EVIDENCE].mean(axis=(1, 2, 3))


def crop(seed=0):
    image = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(N,) * 3), 1)
    image = (image - image.min()) / np.ptp(image)
    image[EVIDENCE] += 0.5
    return np.stack([image, np.zeros_like(image)]).astype(np.float32)


def smooth_noise(seed):
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(N,) * 3), 2).astype(np.float32)


RIGHT = np.zeros((N,) * 3, np.float32)
RIGHT[EVIDENCE] = 1


@pytest.mark.parametrize("null", ["moved", "shuffled"])
@pytest.mark.parametrize("budget", ["voxels", "change"])
def test_saliency_on_the_evidence_beats_random(null, budget):
    found = deletion_test(score, crop(), RIGHT, null=null, budget=budget)
    for walk in (found.deletion, found.insertion):
        assert walk.p_value == pytest.approx(1 / 51)
        assert walk.gain > 0
    assert found.deletion.area > 1.5 * found.deletion.random_areas.mean()
    assert found.insertion.area < 0.5 * found.insertion.random_areas.mean()


def test_saliency_off_the_evidence_does_not():
    wrong = np.zeros((N,) * 3, np.float32)
    wrong[0:4, 12:16, 0:4] = 1
    found = deletion_test(score, crop(), wrong)
    assert found.deletion.p_value > 0.3
    assert found.insertion.p_value > 0.3


def test_a_constant_score_is_no_evidence():
    found = deletion_test(lambda crops: np.ones(len(crops)), crop(), RIGHT)
    assert (found.deletion.p_value, found.insertion.p_value) == (1, 1)
    assert found.deletion.gain == found.insertion.gain == 0


def test_saliency_of_nothing_is_rarely_better_than_random():
    """With saliency that knows nothing, p is at most 0.1 in about a tenth of the patients (binomial, 60 of them)."""
    found = [
        deletion_test(score, crop(seed), smooth_noise(seed + 100), seed, orders=29, steps=5).deletion
        for seed in range(60)
    ]
    rejected = sum(walk.p_value <= 0.1 for walk in found)
    assert stats.binomtest(rejected, 60, 0.1, alternative="greater").pvalue > 0.001
    assert over_patients(found).permutation_p > 0.01


def test_curves_begin_at_the_whole_crop_and_end_at_none():
    image = crop()
    found = deletion_test(score, image, RIGHT, orders=5, steps=4)
    assert found.deletion.fractions.tolist() == [0, 1 / 16, 4 / 16, 9 / 16, 1]
    for curves in (found.deletion.random_curves, found.deletion.curve[None]):
        assert (curves[:, 0] == 0).all()
        assert np.ptp(found.deletion.random_curves[:, -1]) == 0
        np.testing.assert_allclose(curves[:, -1], found.deletion.curve[-1])
    assert found.insertion.curve[-1] == 0
    assert found.insertion.curve[0] == pytest.approx(found.deletion.curve[-1])


def test_areas_gains_and_p_are_those_of_the_trapezoids():
    walk = Walk(
        fractions=np.array([0, 0.25, 1.0]),
        curve=np.array([0, 4.0, 4.0]),
        random_curves=np.array([[0, 0, 4.0], [0, 4, 4], [0, 8, 8]]),
        higher_is_better=True,
    )
    assert walk.area == pytest.approx(0.5 + 3)
    assert walk.random_areas.tolist() == [1.5, 3.5, 7.0]
    assert walk.gain == pytest.approx(3.5 - 4)
    assert walk.p_value == pytest.approx(3 / 4)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_a_moved_pattern_has_the_same_values_and_hangs_together_as_well(seed):
    pattern = _by_patch(np.abs(smooth_noise(seed)), patch_size(N))
    moved = _random(pattern, "moved", np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(moved.ravel()), np.sort(pattern.ravel()))

    def roughness(values):
        steps = [np.abs(np.roll(values, 1, axis) - values).sum() for axis in range(3)]
        return sum(steps)

    assert roughness(moved) == pytest.approx(roughness(pattern))


def test_patches_without_tissue_are_in_no_order():
    image = crop()
    image[0, 10:] = 0
    found = deletion_test(lambda crops: crops[:, 0].mean(axis=(1, 2, 3)), image, RIGHT, orders=3)
    assert 0 < found.patches < (N // found.patch_voxels) ** 3


@pytest.mark.parametrize(
    ("image", "saliency"),
    [
        (np.zeros((2, N, N, N), np.float32), RIGHT),
        (crop(), RIGHT[:8]),
        (crop(), np.full((N,) * 3, np.nan, np.float32)),
    ],
    ids=["nothing there", "another shape", "not a number"],
)
def test_what_cannot_be_tested_is_refused(image, saliency):
    with pytest.raises(InvalidInput):
        deletion_test(score, image, saliency)


def test_the_same_seed_gives_the_same_result():
    one, same, other = (deletion_test(score, crop(), smooth_noise(1), seed, orders=8) for seed in (5, 5, 6))
    assert (one.deletion.random_curves == same.deletion.random_curves).all()
    assert (one.deletion.random_curves != other.deletion.random_curves).any()


def test_the_mask_is_never_taken_away():
    seen = []

    def watching(crops):
        seen.extend(crops[:, 1])
        return score(crops)

    image = crop()
    image[1, 4:8] = 1
    deletion_test(watching, image, RIGHT, orders=3)
    assert all((mask == image[1]).all() for mask in seen)


def walk_of(area, randoms, *, higher=True):
    """A walk with these areas."""
    fractions = np.array([0.0, 1.0])
    curves = np.array([[a, a] for a in randoms], float)
    return Walk(fractions, np.array([area, area], float), curves, higher_is_better=higher)


def test_over_patients_are_the_tests_of_their_gains():
    rng = np.random.default_rng(3)
    walks = [walk_of(rng.normal(0.6), rng.normal(0, 1, 30)) for _ in range(14)]
    gains = np.array([walk.gain for walk in walks])
    found = over_patients(walks)
    assert found.patients == 14
    assert found.better == (gains > 0).sum()
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(gains, alternative="greater").pvalue)
    assert found.sign_p == pytest.approx(stats.binomtest(found.better, 14, alternative="greater").pvalue)
    assert found.permutation_p == over_patients(walks).permutation_p


def test_over_patients_lower_is_better_for_insertion():
    walks = [walk_of(1.0, [2.0, 3.0, 4.0], higher=False) for _ in range(8)]
    found = over_patients(walks)
    assert found.better == 8
    assert found.sign_p == pytest.approx(1 / 256)
    assert found.permutation_p < 0.001
    assert found.median_ratio == pytest.approx(1 / 3)


def test_over_patients_without_any_difference_is_no_evidence():
    found = over_patients([walk_of(1.0, [1.0, 1.0]) for _ in range(5)])
    assert (found.sign_p, found.wilcoxon_p, found.permutation_p) == (1, 1, 1)


def test_over_no_patient_is_refused():
    with pytest.raises(InvalidInput):
        over_patients([])
