"""Corrections do what they say on an analytic patient, by as much as is stated here, and give the same bits again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.imaging_phantom import ImagingPhantom
from tumorcast_core.errors import InvalidInput, UnsoundSeries
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.correction import (
    CORRECTIONS,
    STANDARD,
    BodyZScore,
    ClipHu,
    CurvatureDiffusion,
    N4BiasField,
    NyulScale,
    apply,
    correction,
)
from tumorcast_imaging.model.quality.body import signal_threshold

SMALL = (16, 48, 48)
COARSE = (6.0, 4.0, 4.0)
QUICK_N4 = "n4-bias-field(grid_mm=12,levels=2,iterations=10)"


@pytest.fixture(scope="module")
def patients() -> dict[str, ImagingPhantom]:
    return {modality: ImagingPhantom(modality) for modality in ("CT", "PT", "MR")}


@pytest.fixture(scope="module")
def small() -> Volume:
    return ImagingPhantom("MR", shape=SMALL, spacing_mm=COARSE).volume


def residual_shading(patient: ImagingPhantom, corrected: Volume) -> float:
    """Standard deviation over the body of the logarithm of what is left of the coils' shading."""
    inside = patient.truth > 100
    applied = np.log(corrected.array[inside]) - np.log(patient.volume.array[inside])
    return float((applied + np.log(patient.shading[inside])).std())


def test_n4_takes_out_at_least_half_of_the_shading(patients: dict[str, ImagingPhantom]) -> None:
    patient = patients["MR"]
    before = residual_shading(patient, patient.volume)
    after = residual_shading(patient, apply(patient.volume, ["n4-bias-field(grid_mm=8)"]).volume)
    assert before == pytest.approx(0.12, abs=0.01)
    assert after < before / 2


def test_n4_hardly_shades_an_image_that_is_not_shaded() -> None:
    patient = ImagingPhantom("MR", shaded=False, noisy=False)
    assert residual_shading(patient, apply(patient.volume, ["n4-bias-field(grid_mm=8)"]).volume) < 0.03


def test_n4_leaves_the_mean_logarithm_of_the_body(small: Volume) -> None:
    corrected = apply(small, [QUICK_N4]).volume.array
    body = small.array > signal_threshold(small.array)
    assert np.log(corrected[body]).mean() == pytest.approx(np.log(small.array[body]).mean(), abs=1e-5)


@pytest.mark.parametrize(("modality", "least"), [("CT", 3.0), ("PT", 2.0), ("MR", 3.0)])
def test_diffusion_lowers_noise_in_muscle(patients: dict[str, ImagingPhantom], modality: str, least: float) -> None:
    patient = patients[modality]
    muscle = np.abs(patient.truth - patient.tissue.muscle) < 1e-9
    muscle &= np.abs(np.log(patient.shading)) < 0.05 if modality == "MR" else True
    after = apply(patient.volume, ["curvature-diffusion"]).volume.array
    error = after - patient.truth * (patient.shading if modality == "MR" else 1)
    assert error[muscle].std() < patient.tissue.noise / least


@pytest.mark.parametrize("modality", ["PT", "MR"])
def test_diffusion_changes_the_mean_of_lesions_from_16_mm_by_less_than_1_percent(
    patients: dict[str, ImagingPhantom], modality: str
) -> None:
    patient = patients[modality]
    after = apply(patient.volume, ["curvature-diffusion"]).volume.array
    for mask in patient.masks[:3]:
        assert after[mask].mean() == pytest.approx(patient.volume.array[mask].mean(), rel=0.01)


def test_diffusion_brings_the_maximum_of_uptake_nearer_to_the_truth(patients: dict[str, ImagingPhantom]) -> None:
    patient = patients["PT"]
    after = apply(patient.volume, ["curvature-diffusion"]).volume.array
    for mask in patient.masks[:3]:
        truth = patient.truth[mask].max()
        assert abs(after[mask].max() - truth) < abs(patient.volume.array[mask].max() - truth)


def test_clipping_changes_only_what_lies_outside(patients: dict[str, ImagingPhantom]) -> None:
    volume = patients["CT"].volume
    after = apply(volume, ["clip-hu(low=-200,high=300)"]).volume.array
    inside = (volume.array >= -200) & (volume.array <= 300)
    assert np.array_equal(after[inside], volume.array[inside])
    assert (after.min(), after.max()) == (-200, volume.array.max())


@given(st.floats(0.001, 1000), st.floats(0, 100))
@settings(max_examples=15, deadline=None)
def test_a_z_score_does_not_depend_on_the_scanners_gain(gain: float, seed: float) -> None:
    volume = ImagingPhantom("MR", shape=(6, 24, 24), spacing_mm=(8.0, 8.0, 8.0), seed=int(seed)).volume
    louder = replace(volume, array=volume.array * np.float32(gain))
    one, other = (apply(each, ["body-z-score"]).volume.array for each in (volume, louder))
    assert other == pytest.approx(one, abs=2e-3)
    body = one[volume.array > signal_threshold(volume.array)]
    assert (body.mean(), body.std()) == pytest.approx((0, 1), abs=1e-4)


def test_nyul_brings_two_scanners_to_one_scale(small: Volume) -> None:
    other = replace(small, array=(small.array**1.2 * 0.7).astype(np.float32))
    scale = NyulScale.learned([small, other])
    one, two = (apply(each, [scale]).volume.array for each in (small, other))
    body = small.array > signal_threshold(small.array)
    before = np.abs(small.array[body] - other.array[body]).mean() / small.array[body].std()
    after = np.abs(one[body] - two[body]).mean() / one[body].std()
    assert after < 0.05 < 0.5 < before


def test_nyul_by_hand() -> None:
    """Percentiles 0, 50, 100 of the body 10 … 30 are 10, 20, 30; landmarks 0, 40, 100; linear between and beyond."""
    values = np.array([10, 15, 20, 25, 30], np.float32)
    array = np.tile(values, 5).reshape(1, 5, 5)
    volume = replace(ImagingPhantom("MR", shape=(1, 5, 5)).volume, array=array)
    scale = NyulScale((0.0, 50.0, 100.0), (0.0, 40.0, 100.0))
    assert signal_threshold(array) == 0
    assert scale.array(volume)[0, 0] == pytest.approx([0, 20, 40, 70, 100])
    beyond = NyulScale((25.0, 75.0), (0.0, 10.0))  # 15 and 25: one a unit
    assert beyond.array(volume)[0, 0] == pytest.approx([-5, 0, 5, 10, 15])


@given(st.lists(st.floats(-1e3, 1e3), min_size=11, max_size=11, unique=True), st.integers(0, 999))
@settings(max_examples=15, deadline=None)
def test_nyul_keeps_the_order_of_values_and_its_json(landmarks: list[float], seed: int) -> None:
    rising = tuple(sorted(landmarks))
    if min(np.diff(rising)) < 1e-2:
        return
    scale = NyulScale(tuple(np.linspace(1, 99, 11)), rising)
    assert NyulScale.from_json(scale.to_json()) == scale
    volume = ImagingPhantom("MR", shape=(4, 24, 24), spacing_mm=(8.0, 8.0, 8.0), seed=seed).volume
    order = np.argsort(volume.array, axis=None, kind="stable")
    moved = scale.array(volume).ravel()[order].astype(float)
    assert (np.diff(moved) >= -1e-3).all()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"percentiles": [1, 99]}', '{"percentiles": [1, 99], "landmarks": [5, 1]}']
)
def test_landmarks_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        NyulScale.from_json(text)


def test_nothing_is_learned_from_nothing() -> None:
    with pytest.raises(InvalidInput):
        NyulScale.learned([])


def test_the_account_says_what_was_done_and_repeats_it_bit_for_bit(small: Volume) -> None:
    before = small.array.copy()
    made = apply(small, [QUICK_N4, "curvature-diffusion(conductance=0.7)", "body-z-score"])
    assert [text.split("@")[0] for text in made.preparation] == ["n4-bias-field", "curvature-diffusion", "body-z-score"]
    assert "levels=2,iterations=10" in made.preparation[0]
    assert "SimpleITK" in made.preparation[0]
    again = apply(small, made.preparation)
    assert again.preparation == made.preparation
    assert np.array_equal(again.volume.array, made.volume.array)
    assert np.array_equal(small.array, before), "the given volume stays"
    assert made.volume.array.dtype == np.float32


def test_threads_of_the_process_change_no_bit_and_stay_as_they_were(small: Volume) -> None:
    import SimpleITK

    process = SimpleITK.ProcessObject
    usual = process.GetGlobalDefaultNumberOfThreads()
    try:
        found = []
        for threads in (1, 4):
            process.SetGlobalDefaultNumberOfThreads(threads)
            found.append(apply(small, [QUICK_N4, "curvature-diffusion"]).volume.array)
            assert process.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        process.SetGlobalDefaultNumberOfThreads(usual)
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    ("modality", "name"),
    [("CT", "n4-bias-field"), ("CT", "body-z-score"), ("PT", "clip-hu"), ("PT", "body-z-score"), ("MR", "clip-hu")],
)
def test_absolute_scales_are_not_standardized_and_ct_has_no_bias_field(
    patients: dict[str, ImagingPhantom], modality: str, name: str
) -> None:
    with pytest.raises(InvalidInput, match="only"):
        apply(patients[modality].volume, [name])


WRONG = [
    "",
    "sharpen",
    "n4-bias-field@2",
    "n4-bias-field(shrink=4)",
    "n4-bias-field(levels=3,levels=3)",
    "n4-bias-field(levels=2.5)",
    "n4-bias-field(levels=0)",
    "n4-bias-field(iterations=100000)",
    "curvature-diffusion(conductance=nan)",
    "curvature-diffusion(iterations=-1)",
    "clip-hu(low=5,high=5)",
    "clip-hu(high=inf)",
    "body-z-score(x=1)",
    "nyul-scale",
    "clip-hu\n",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_correction_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        correction(text)


@given(st.text(max_size=60))
def test_any_text_is_a_correction_or_refused(text: str) -> None:
    try:
        found = correction(text)
    except InvalidInput:
        return
    assert correction(str(found)) == found


@given(st.floats(0.5, 50), st.integers(1, 6), st.floats(0.01, 100), st.floats(-2000, 0), st.floats(1, 3000))
def test_the_text_of_a_correction_is_read_back_as_it_was(
    grid_mm: float, levels: int, conductance: float, low: float, high: float
) -> None:
    for one in (N4BiasField(grid_mm, levels), CurvatureDiffusion(5, conductance), ClipHu(low, high), BodyZScore()):
        assert correction(str(one)) == one


def test_every_standard_is_a_correction_for_its_modality() -> None:
    for modality, names in STANDARD.items():
        assert all(modality in CORRECTIONS[name].dicom_modalities for name in names)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 9), (3, 5, 5), (12, 12, 12)])
@pytest.mark.parametrize("fill", ["constant", "zeros", "noise"])
@pytest.mark.parametrize("name", sorted(CORRECTIONS))
def test_a_degenerate_volume_is_corrected_or_refused_by_name(name: str, fill: str, shape: tuple[int, int, int]) -> None:
    modality = next(iter(sorted(CORRECTIONS[name].dicom_modalities)))
    noise = np.random.default_rng(0).normal(50, 9, shape)
    array = {"constant": np.full(shape, 7.0), "zeros": np.zeros(shape), "noise": noise}[fill].astype(np.float32)
    volume = replace(ImagingPhantom(modality, shape=(2, 4, 4)).volume, array=array)
    try:
        made = apply(volume, [name]).volume.array
    except UnsoundSeries:
        return
    assert made.shape == shape
    assert np.isfinite(made).all()
