"""Figures of quality on an analytic patient: each is the number that the phantom was made with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from support.imaging_phantom import DIAMETERS_MM, TISSUES, ImagingPhantom
from tumorcast_imaging.dicom import Region, Volume, reasons
from tumorcast_imaging.dicom.acquisition import Acquisition
from tumorcast_imaging.model.quality import LIMITS, NAMES, Basis, assess, noise
from tumorcast_imaging.model.quality.body import otsu_threshold, signal_threshold
from tumorcast_imaging.model.quality.coverage import cut_share
from tumorcast_imaging.model.quality.protocol import mr_weighting

SHAPE = (20, 96, 96)
NOTHING = Acquisition()


def phantom(modality: str, **changes: object) -> ImagingPhantom:
    return ImagingPhantom(modality, shape=SHAPE, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def patients() -> dict[str, ImagingPhantom]:
    return {modality: phantom(modality) for modality in TISSUES}


def with_array(volume: Volume, array: NDArray[np.floating]) -> Volume:
    return replace(volume, array=np.ascontiguousarray(array, dtype=np.float32))


def codes(volume: Volume, acquisition: Acquisition = NOTHING) -> set[str]:
    return {issue.code for issue in assess(volume, acquisition).issues}


def stated(**values: object) -> Acquisition:
    return Acquisition(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("modality", sorted(TISSUES))
def test_noise_in_tissue_is_the_noise_that_was_added(patients: dict[str, ImagingPhantom], modality: str) -> None:
    found = assess(patients[modality].volume).value("noise_sd")
    assert found == pytest.approx(TISSUES[modality].noise, rel=0.05)


def test_noise_of_a_magnitude_image_is_found_in_its_air_too(patients: dict[str, ImagingPhantom]) -> None:
    quality = assess(patients["MR"].volume)
    assert quality.value("noise_background_sd") == pytest.approx(TISSUES["MR"].noise, rel=0.02)
    assert quality.value("background_mean_to_sd") == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.02)


def test_air_that_was_set_to_zero_gives_no_noise(patients: dict[str, ImagingPhantom]) -> None:
    patient = patients["MR"]
    masked = with_array(patient.volume, np.where(patient.body, patient.volume.array, 0))
    quality = assess(masked)
    assert quality.value("noise_background_sd") is None
    assert quality.value("noise_sd") == pytest.approx(TISSUES["MR"].noise, rel=0.05)


@pytest.mark.parametrize("pixels", [25, 49, 64])
@pytest.mark.parametrize("sd", [0.05, 20.0])
def test_the_mode_of_block_deviations_is_unbiased_within_3_percent(pixels: int, sd: float) -> None:
    deviations = np.random.default_rng(3).normal(0, sd, (3000, pixels)).std(axis=1, ddof=1)
    blocks = noise.Blocks(np.full(3000, 50.0), deviations, pixels, 0.1)
    assert noise.tissue_noise(blocks, "CT")[0] == pytest.approx(sd, rel=0.03)


def test_blocks_with_edges_do_not_raise_the_noise() -> None:
    random = np.random.default_rng(4)
    clean = random.normal(0, 10, (600, 49)).std(axis=1, ddof=1)
    edges = random.uniform(20, 90, 2000)
    blocks = noise.Blocks(np.full(2600, 50.0), np.concatenate([clean, edges]), 49, 0.1)
    assert noise.tissue_noise(blocks, "CT")[0] == pytest.approx(10, rel=0.05)


def test_a_volume_without_noise_has_noise_zero() -> None:
    assert assess(phantom("CT", noisy=False).volume).value("noise_sd") == 0


def test_muscle_beside_bright_fat_is_no_air() -> None:
    inside = phantom("MR").volume.array[:, 30:70, 30:70]
    assert signal_threshold(inside) == 0


@given(st.floats(0.01, 1e4), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_scaling_an_image_scales_its_thresholds(factor: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.concatenate([random.rayleigh(1, 500), random.normal(80, 9, 500)]).astype(np.float32)
    for threshold in (otsu_threshold, signal_threshold):
        assert threshold(values * np.float32(factor)) == pytest.approx(factor * threshold(values), rel=0.02)


@pytest.mark.parametrize("modality", sorted(TISSUES))
def test_contrast_to_noise_is_that_of_the_phantom(patients: dict[str, ImagingPhantom], modality: str) -> None:
    patient = phantom(modality, shaded=False)
    tissue = patient.tissue
    largest = assess(patient.volume, regions=patient.regions).lesions[0]
    found = {one.name: one.value for one in largest.figures}
    loss = patient.truth[patient.masks[0]].mean() - tissue.muscle
    assert found["lesion_cnr"] == pytest.approx(loss / tissue.noise, rel=0.12)
    assert ("lesion_snr" in found) == (modality != "CT"), "a density in HU has no zero"


def test_a_body_inside_the_field_of_view_is_not_cut(patients: dict[str, ImagingPhantom]) -> None:
    assert assess(patients["CT"].volume).value("cut_share") == 0


def test_a_body_that_reaches_the_sides_is_truncated() -> None:
    wide = phantom("CT", semi_axes_mm=(75.0, 130.0)).volume
    quality = assess(wide)
    # 192 mm wide: the ellipse is 2 × 75 × √(1 − (96/130)²) = 101 mm high at the left and right side, of 4 × 192 mm
    assert quality.value("cut_share") == pytest.approx(100 * 2 * 101.1 / (4 * 192), rel=0.05)
    assert "BODY_TRUNCATED" in {issue.code for issue in quality.issues}


def test_in_a_circle_of_padding_the_circle_is_the_field_of_view() -> None:
    wide = phantom("CT", semi_axes_mm=(75.0, 130.0)).volume
    rows, columns = np.indices(SHAPE[1:]) - 47.5
    padded = with_array(wide, np.where(np.hypot(rows, columns) < 48, wide.array, -1024))
    narrow = phantom("CT").volume
    whole = with_array(narrow, np.where(np.hypot(rows, columns) < 48, narrow.array, -1024))
    # the ellipse leaves the circle of radius 96 mm where x² + 75² (1 − x²/130²) = 96²: at cos φ = x / 96 = 0.764
    assert assess(padded).value("cut_share") == pytest.approx(100 * 4 * np.arccos(0.7642) / (2 * np.pi), rel=0.1)
    assert assess(whole).value("cut_share") == 0


def test_upper_and_lower_ends_are_no_truncation() -> None:
    sagittal = phantom("CT").volume
    affine = np.zeros((4, 4))  # slices to the left, rows down the patient, columns to the back
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = 3.0, -2.0, 2.0, 1.0
    turned = replace(sagittal, affine_lps=affine, array=np.ascontiguousarray(np.moveaxis(sagittal.array, 1, 0)[:40]))
    body = np.ones(turned.array.shape, bool)
    body[[0, -1]] = False  # not cut at the left and right
    body[:, :, [0, -1]] = False
    assert cut_share(turned, body) == 0


@pytest.mark.parametrize(
    ("moved", "expected_mm"),
    [((0, 0, 0), 0.0), ((3, 8, 9), 9.0), ((8, 1, 9), 2.0), ((9, 9, 90), 8.0)],
    ids=["in the first slice", "nearest along slices", "nearest along rows", "nearest along columns"],
)
def test_margin_is_the_distance_to_the_nearest_face(
    patients: dict[str, ImagingPhantom], moved: tuple[int, int, int], expected_mm: float
) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(at, at + 2) for at in moved)] = True
    lesion = assess(patients["CT"].volume, regions=[Region(mask, 1)]).lesions[0]
    assert next(one.value for one in lesion.figures if one.name == "lesion_margin") == expected_mm
    assert ("LESION_AT_EDGE" in {issue.code for issue in lesion.issues}) == (expected_mm == 0)


@pytest.mark.parametrize(
    ("thickness_mm", "small"), [(3.0, [False, False, False, False]), (9.0, [False, False, True, True])]
)
def test_a_lesion_shorter_than_two_slices_is_said(thickness_mm: float, small: list[bool]) -> None:
    patient = ImagingPhantom("CT", noisy=False)
    lesions = assess(patient.volume, stated(slice_thickness_mm=thickness_mm), patient.regions).lesions
    found = ["LESION_SMALL_FOR_SLICES" in {issue.code for issue in lesion.issues} for lesion in lesions]
    assert found == small, DIAMETERS_MM


def test_a_plateau_at_the_top_is_saturation_and_a_single_peak_is_not(patients: dict[str, ImagingPhantom]) -> None:
    volume = patients["PT"].volume
    assert "SATURATED" not in codes(volume)
    clipped = with_array(volume, np.minimum(volume.array, 5.0))
    patient = patients["PT"]
    quality = assess(clipped, regions=patient.regions)
    assert "SATURATED" in {issue.code for issue in quality.issues}
    assert "LESION_SATURATED" in {issue.code for issue in quality.lesions[0].issues}
    assert quality.value("saturated_voxels") == pytest.approx(
        np.count_nonzero(patient.masks[0] & (volume.array > 5)), rel=0.2
    )


@pytest.mark.parametrize("modality", sorted(TISSUES))
def test_one_brighter_slice_is_a_step_of_its_size(patients: dict[str, ImagingPhantom], modality: str) -> None:
    volume = patients[modality].volume
    zero = -1000 if modality == "CT" else 0
    brighter = volume.array.copy()
    brighter[7] = (brighter[7] - zero) * 1.3 + zero
    assert "SLICE_INTENSITY_JUMP" not in codes(volume)
    quality = assess(with_array(volume, brighter))
    assert quality.value("slice_jump") == pytest.approx(100 * 0.3 / 1.3, rel=0.15)
    assert "SLICE_INTENSITY_JUMP" in {issue.code for issue in quality.issues}


def test_interleaved_slices_of_another_signal_are_told(patients: dict[str, ImagingPhantom]) -> None:
    volume = patients["MR"].volume
    factors = np.where(np.arange(SHAPE[0]) % 2, 1.06, 1.0)[:, None, None]
    assert assess(with_array(volume, volume.array * factors)).value("slice_interleave") == pytest.approx(6, rel=0.1)
    trend = np.linspace(0.5, 1.5, SHAPE[0])[:, None, None]
    assert float(str(assess(with_array(volume, volume.array * trend)).value("slice_interleave"))) < 0.5


@pytest.mark.parametrize(("stated_along", "seen"), [("", True), ("COL", True), ("ROW", False)])
def test_ghosts_along_phase_encoding_are_measured(
    patients: dict[str, ImagingPhantom], stated_along: str, seen: bool
) -> None:
    """A ghost of 20 % of the body, moved by half the field of view along the columns' direction."""
    patient = patients["MR"]
    volume = patient.volume
    assert "GHOSTING" not in codes(volume)
    ghost = 0.2 * np.roll(patient.truth, SHAPE[1] // 2, axis=1)
    quality = assess(with_array(volume, np.hypot(volume.array, ghost)), stated(phase_encoding=stated_along))
    assert ("GHOSTING" in {issue.code for issue in quality.issues}) == seen


CONTRAST = [
    ({"intravenous_contrast": True}, "yes", "stated", None, "unknown"),
    ({"intravenous_contrast": False}, "no", "stated", "native", "stated"),
    ({"contrast_phase": "arterial"}, "yes", "stated", "arterial", "stated"),
    ({"contrast_phase": "native"}, "no", "stated", "native", "stated"),
    ({"intravenous_contrast": True, "contrast_delay_s": 35.0}, "yes", "stated", "arterial", "stated"),
    ({"intravenous_contrast": True, "contrast_delay_s": 70.0}, "yes", "stated", "portal venous", "stated"),
    ({"intravenous_contrast": True, "contrast_delay_s": 300.0}, "yes", "stated", "delayed", "stated"),
    ({"intravenous_contrast": True, "contrast_phase": "native"}, None, "unknown", None, "unknown"),
    ({}, None, "unknown", None, "unknown"),
]


@pytest.mark.parametrize(("said", "given", "basis", "phase", "phase_basis"), CONTRAST)
def test_contrast_is_what_the_headers_state_or_unknown(
    patients: dict[str, ImagingPhantom], said: dict[str, object], given: str, basis: str, phase: str, phase_basis: str
) -> None:
    figures = {one.name: one for one in assess(patients["CT"].volume, stated(**said)).figures}
    assert (figures["contrast"].value, figures["contrast"].basis) == (given, basis)
    assert (figures["contrast_phase"].value, figures["contrast_phase"].basis) == (phase, phase_basis)


@pytest.mark.parametrize(("density", "phase"), [(150.0, "portal venous or later"), (320.0, "arterial"), (70.0, None)])
def test_contrast_of_a_silent_ct_is_inferred_from_smooth_bright_blood(density: float, phase: str | None) -> None:
    patient = phantom("CT")
    vessels = patient.masks[0] | patient.masks[1]
    shown = with_array(patient.volume, patient.volume.array + np.where(vessels, density - patient.truth, 0))
    figures = {one.name: one for one in assess(shown).figures}
    assert figures["contrast_phase"].value == phase
    assert figures["contrast"].basis is (Basis.INFERRED if phase else Basis.UNKNOWN)
    if phase:
        assert figures["bright_blood"].value == pytest.approx(density, abs=5)


WEIGHTINGS = [
    ({"weighting": "T2"}, "T2", "stated"),
    ({"sequence": ("SE",), "repetition_time_ms": 600.0, "echo_time_ms": 10.0}, "T1", "inferred"),
    ({"sequence": ("SE",), "repetition_time_ms": 4000.0, "echo_time_ms": 90.0}, "T2", "inferred"),
    ({"sequence": ("SE",), "repetition_time_ms": 3000.0, "echo_time_ms": 20.0}, "PD", "inferred"),
    (
        {"sequence": ("SE", "IR"), "repetition_time_ms": 5000.0, "echo_time_ms": 40.0, "inversion_time_ms": 160.0},
        *("STIR", "inferred"),
    ),
    (
        {"sequence": ("SE", "IR"), "repetition_time_ms": 9000.0, "echo_time_ms": 90.0, "inversion_time_ms": 2400.0},
        *("FLAIR", "inferred"),
    ),
    (
        {"sequence": ("GR",), "repetition_time_ms": 5.0, "echo_time_ms": 2.0, "flip_angle_degrees": 12.0},
        *("T1", "inferred"),
    ),
    ({"sequence": ("GR",), "repetition_time_ms": 600.0, "echo_time_ms": 20.0}, "T2*", "inferred"),
    ({"sequence": ("SE",), "repetition_time_ms": 1200.0, "echo_time_ms": 45.0}, None, "unknown"),
    ({"sequence": ("SE",)}, None, "unknown"),
]


@pytest.mark.parametrize(("said", "weighting", "basis"), WEIGHTINGS)
def test_mr_weighting_by_words_or_times(said: dict[str, object], weighting: str | None, basis: str) -> None:
    found = mr_weighting(stated(**said))
    assert (found.value, found.basis) == (weighting, basis)


def test_a_name_that_contradicts_the_times_is_doubted(patients: dict[str, ImagingPhantom]) -> None:
    said = stated(weighting="T2", sequence=("SE",), repetition_time_ms=500.0, echo_time_ms=10.0)
    assert "MR_WEIGHTING_CONTRADICTED" in codes(patients["MR"].volume, said)


def test_tissue_between_thin_slices_is_information(patients: dict[str, ImagingPhantom]) -> None:
    assert "SLICES_APART" in codes(patients["CT"].volume, stated(slice_thickness_mm=2.5))
    assert "SLICES_APART" not in codes(patients["CT"].volume, stated(slice_thickness_mm=5.0))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 9), (2, 40, 3), (3, 5, 5), (9, 1, 30)])
@pytest.mark.parametrize("fill", ["noise", "constant", "zeros"])
@pytest.mark.parametrize("modality", sorted(TISSUES))
def test_any_volume_gives_figures_or_none_but_no_error(
    patients: dict[str, ImagingPhantom], shape: tuple[int, int, int], fill: str, modality: str
) -> None:
    array = {
        "noise": np.random.default_rng(0).normal(40, 10, shape),
        "constant": np.full(shape, 7.0),
        "zeros": np.zeros(shape),
    }[fill]
    mask = np.zeros(shape, bool)
    mask[0, 0, 0] = True
    volume = replace(patients[modality].volume, array=array.astype(np.float32))
    quality = assess(volume, regions=[Region(mask, 1)])
    everything = [*quality.figures, *quality.lesions[0].figures]
    assert {one.name for one in everything} <= set(NAMES)
    for one in everything:
        assert one.definition
        assert (one.value is None) == (one.basis is Basis.UNKNOWN)
        assert not isinstance(one.value, float) or np.isfinite(one.value)
    assert {issue.code for issue in (*quality.issues, *quality.lesions[0].issues)} <= reasons.CODES


def test_no_doubt_of_quality_blocks() -> None:
    assert not any(issue.blocks for issue in assess(phantom("MR", semi_axes_mm=(200.0, 200.0)).volume).issues)
    assert set(LIMITS) <= set(NAMES)
