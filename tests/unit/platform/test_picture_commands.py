"""``tumorcast imaging picture`` and ``explain``, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.dicom_factory import SERIES, Phantom
from tumorcast_imaging.model import CropSpec, Encoder, EncoderManifest, Window
from tumorcast_platform import cli

Capture = pytest.CaptureFixture[str]
SECRET = "DOE-JANE-1957"
PHANTOM = Phantom(shape=(16, 40, 44), spacing_mm=(3.0, 1.5, 1.5), patient_id=SECRET)


def run(capsys: Capture, *arguments: str | Path) -> tuple[int, Any]:
    status = cli.run(["imaging", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    return status, json.loads(said.out)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A CT with a segmented lesion."""
    PHANTOM.write(tmp_path / "study")
    PHANTOM.write_segmentation(tmp_path / "study")
    return tmp_path / "study"


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A small encoder with random weights."""
    manifest = EncoderManifest(
        name="small",
        version="1",
        embedding_dim=4,
        crop=CropSpec(voxels=16, spacing_mm=4.0, windows={"CT": Window(low=-160, high=240)}),
        training_data="None.",
        simulated=True,
    )
    Encoder.untrained(manifest, 3, precision="float32").save(tmp_path / "encoder")
    return tmp_path / "encoder"


def test_a_picture_goes_through_the_lesions_longest_diameter(study: Path, capsys: Capture, tmp_path: Path) -> None:
    status, found = run(capsys, "picture", study, "--out", tmp_path / "a.png")
    assert status == 0
    (panel,) = found["panels"]
    assert (panel["series_instance_uid"], panel["region"], panel["dicom_modality"]) == (SERIES, 1, "CT")
    assert panel["layer"] in (7, 8)
    assert panel["window"] == {"level": 40, "width": 400, "inverted": False, "unit": "HU"}
    image = Image.open(tmp_path / "a.png")
    assert image.size == (found["width"], found["height"])
    colors = {color for _, color in image.getcolors(1 << 20)}
    assert {(86, 180, 233), (240, 228, 66), (213, 94, 0)} <= colors  # outline, longest diameter, short axis


@pytest.mark.parametrize("plane", ["coronal", "sagittal", "acquired"])
def test_every_plane_shows_the_outline(study: Path, capsys: Capture, tmp_path: Path, plane: str) -> None:
    status, _ = run(capsys, "picture", study, "--plane", plane, "--out", tmp_path / "a.png")
    assert status == 0
    assert (np.asarray(Image.open(tmp_path / "a.png")) == (86, 180, 233)).all(axis=-1).sum() > 200


def test_a_slice_by_number_is_that_slice(study: Path, capsys: Capture, tmp_path: Path) -> None:
    _, found = run(capsys, "picture", study, "--slice", "3", "--out", tmp_path / "a.png")
    assert (found["panels"][0]["layer"], found["panels"][0]["region"]) == (3, None)


@pytest.mark.parametrize("label", ["tumor 1", "Tumor 1", "1"])
def test_a_lesion_is_found_by_label_or_number(study: Path, capsys: Capture, tmp_path: Path, label: str) -> None:
    status, found = run(capsys, "picture", study, "--through", label, "--out", tmp_path / "a.png")
    assert (status, found["panels"][0]["region"]) == (0, 1)


def test_a_prior_stands_beside_at_the_same_scale(study: Path, capsys: Capture, tmp_path: Path) -> None:
    smaller = Phantom(shape=(16, 40, 40), semi_axes_mm=(8, 9, 9), spacing_mm=(3.0, 1.5, 1.5), patient_id=SECRET)
    smaller.write(tmp_path / "prior")
    smaller.write_segmentation(tmp_path / "prior")
    _, found = run(capsys, "picture", study, "--prior", tmp_path / "prior", "--out", tmp_path / "a.png")
    assert [panel["when"] for panel in found["panels"]] == ["prior", "current"]
    assert found["width"] > found["height"]
    blue = (np.asarray(Image.open(tmp_path / "a.png")).astype(int) == (86, 180, 233)).all(axis=-1)
    half = found["width"] // 2
    widths = [np.ptp(np.nonzero(part[: found["height"] * 3 // 4])[1]) for part in (blue[:, :half], blue[:, half:])]
    assert widths[1] / widths[0] == pytest.approx(28 / 18, rel=0.1)


def test_series_of_one_frame_of_reference_are_cut_at_one_place(study: Path, capsys: Capture, tmp_path: Path) -> None:
    other = Phantom(series=f"{SERIES}.7", shape=(30, 30, 30), spacing_mm=(2.0, 2.0, 2.0), patient_id=SECRET)
    other.write(study)
    _, found = run(capsys, "picture", study, "--out", tmp_path / "a.png")
    first, second = found["panels"]
    assert first["through_lps_mm"] == second["through_lps_mm"]
    _, one = run(capsys, "picture", study, "--series", f"{SERIES}.7", "--out", tmp_path / "a.png")
    assert [panel["series_instance_uid"] for panel in one["panels"]] == [f"{SERIES}.7"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--slice", "99"),
        ("--through", "no such lesion"),
        ("--window", "suv"),
        ("--window", "bright"),
        ("--series", "1.2.3"),
        ("--out", "/proc/none/a.png"),
    ],
    ids=["slice", "lesion", "unit", "window", "series", "out"],
)
def test_what_cannot_be_drawn_is_one_sentence(
    study: Path, capsys: Capture, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, found = run(capsys, "picture", study, "--out", tmp_path / "a.png", *arguments)
    assert status == 1
    assert found["error"]["message"]
    assert not (tmp_path / "a.png").exists()


def test_a_folder_without_a_sound_series_gives_no_picture(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    status, found = run(capsys, "picture", tmp_path, "--out", tmp_path / "a.png")
    assert (status, found["error"]["code"]) == (1, "UNSOUND_SERIES")


def test_neither_the_patient_nor_a_label_is_in_the_file(study: Path, capsys: Capture, tmp_path: Path) -> None:
    anonymous = Phantom(shape=PHANTOM.shape, spacing_mm=PHANTOM.spacing_mm, patient_id="X", date="20010101")
    anonymous.write(tmp_path / "other")
    anonymous.write_segmentation(
        tmp_path / "other", edit=lambda s: setattr(s.SegmentSequence[0], "SegmentLabel", "Smith, born 1950")
    )
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for folder, file in zip((study, tmp_path / "other"), files, strict=True):
        assert run(capsys, "picture", folder, "--out", file)[0] == 0
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("method", ["occlusion", "gradient"])
def test_explain_writes_three_planes_and_what_they_mean(
    study: Path, encoder: Path, capsys: Capture, tmp_path: Path, method: str
) -> None:
    out = tmp_path / "why"
    status, found = run(
        capsys, "explain", study, "--encoder", encoder, "--out", out, "--method", method, "--orders", "9"
    )
    assert status == 0
    assert sorted(path.name for path in out.iterdir()) == ["axial.png", "coronal.png", "sagittal.png", "saliency.json"]
    assert json.loads((out / "saliency.json").read_text()) == found
    zones = found["saliency"]
    assert sum(zone["share"] for zone in zones.values()) == pytest.approx(1)
    assert sum(zone["share_of_voxels"] for zone in zones.values()) == pytest.approx(1)
    assert (found["direction"], found["model"], found["method"]) == ("norm", None, method)
    assert found["score"] > 0
    assert (found["rank_correlation_with_randomized_weights"] is None) == (method == "occlusion")
    assert 1 / 10 <= found["deletion_test"]["deletion"]["p"] <= 1


def test_explain_without_orders_makes_no_test(study: Path, encoder: Path, capsys: Capture, tmp_path: Path) -> None:
    _, found = run(capsys, "explain", study, "--encoder", encoder, "--out", tmp_path / "why", "--orders", "0")
    assert found["deletion_test"] is None
    cli.run(["imaging", "explain", str(study), "--encoder", str(encoder), "--out", str(tmp_path), "--orders", "0"])
    page = capsys.readouterr().out
    assert "of the saliency in the lesion" in page
    assert max(map(len, page.splitlines())) <= 80


def test_explain_by_a_model_follows_its_answer(study: Path, capsys: Capture, tmp_path: Path) -> None:
    arguments = ("--encoder", "ct-lesion", "--out", tmp_path, "--method", "gradient", "--orders", "0")
    status, found = run(capsys, "explain", study, *arguments, "--model", "simulated")
    assert status == 0
    assert (found["direction"], found["model"], found["endpoint"]) == ("model", "simulated", "objective_response")
    _, other = run(
        capsys, "explain", study, *arguments, "--model", "simulated", "--endpoint", "progression_free_survival"
    )
    assert other["score"] != found["score"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--encoder", "no-such"), "UNKNOWN_MODEL"),
        (("--encoder", "ct-lesion", "--model", "no-such"), "UNKNOWN_MODEL"),
        (("--encoder", "ct-lesion", "--model", "glioma"), "UNKNOWN_EMBEDDING_SPACE"),
        (("--encoder", "ct-lesion", "--model", "simulated", "--endpoint", "x"), "INVALID_INPUT"),
        (("--encoder", "ct-lesion", "--through", "x"), "INVALID_INPUT"),
    ],
    ids=["encoder", "model", "model without images", "endpoint", "lesion"],
)
def test_what_cannot_be_explained_is_one_sentence(
    study: Path, capsys: Capture, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    status, found = run(capsys, "explain", study, "--out", tmp_path / "why", "--orders", "0", *arguments)
    assert (status, found["error"]["code"]) == (1, code)
    assert not (tmp_path / "why").exists()


def test_a_study_without_a_lesion_cannot_be_explained(encoder: Path, capsys: Capture, tmp_path: Path) -> None:
    PHANTOM.write(tmp_path / "bare")
    status, found = run(capsys, "explain", tmp_path / "bare", "--encoder", encoder, "--out", tmp_path / "why")
    assert (status, found["error"]["code"]) == (1, "INVALID_INPUT")
