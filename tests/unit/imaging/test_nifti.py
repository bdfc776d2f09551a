"""What nibabel and SimpleITK, which know nothing of the gate, find in the files it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.dicom.nifti import NiftiFile, write_nifti

UID = "1.2.826.0.1.3680043.8.498.7"
AXIAL, CORONAL, SAGITTAL = (1.0, 0, 0, 0, 1, 0), (1.0, 0, 0, 0, 0, -1), (0.0, 1, 0, 0, 0, -1)
OBLIQUE, HALF_TURN = (0.8, 0.6, 0, -0.36, 0.48, 0.8), (0.9999995, 0.001, 0, -0.001, 0.9999995, 0)
SPACING_MM = np.array([3.0, 0.8, 0.7])
LANDMARKS = {(1, 2, 3): 100, (8, 2, 3): 200, (1, 16, 3): 300, (1, 2, 20): 400}
"""Voxels (slice, row, column) and their values: a corner and one step along each axis."""


def volume(array: NDArray[Any], affine_lps: NDArray[np.float64], **changes: Any) -> Volume:
    values = {
        "array": np.asarray(array, np.float32),
        "affine_lps": affine_lps,
        "spacing_mm": tuple(np.linalg.norm(affine_lps[:3, :3], axis=0)),
        "unit": "HU",
        "dicom_modality": "CT",
        "series_instance_uid": UID,
        "study_instance_uid": "1.2.3",
        "frame_of_reference_uid": "1.2.4",
        "patient_id": "SECRET-PATIENT",
        "date": "1999-12-31",
        "sop_instance_uids": (),
    }
    return Volume(**{**values, **changes})


def affine_of(orientation: tuple[float, ...], origin: tuple[float, ...] = (-120.0, -75.5, 310.25)) -> NDArray[Any]:
    """From (slice, row, column) to LPS mm, written down from DICOM PS3.3 C.7.6.2.1.1."""
    row, column = np.array(orientation).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([np.cross(row, column), column, row], axis=1) * SPACING_MM
    affine[:3, 3] = origin
    return affine


def phantom(orientation: tuple[float, ...]) -> Volume:
    array = np.zeros((10, 20, 30))
    for index, value in LANDMARKS.items():
        array[index] = value
    return volume(array, affine_of(orientation))


def place_lps(of: Volume, index: tuple[int, int, int]) -> NDArray[np.float64]:
    return (of.affine_lps @ (*index, 1))[:3]


def written(of: Volume, folder: Path, **options: Any) -> Path:
    file = write_nifti(of, folder, **options)
    assert isinstance(file, NiftiFile), file
    return folder / file.name


planes = pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, OBLIQUE, HALF_TURN], ids=str)


@planes
def test_nibabel_finds_every_landmark_where_dicom_put_it(orientation: tuple[float, ...], tmp_path: Path) -> None:
    truth = phantom(orientation)
    image = nib.load(written(truth, tmp_path))
    voxels = np.asanyarray(image.dataobj)
    for index, value in LANDMARKS.items():
        (found,) = np.argwhere(voxels == value)
        left, back, up = place_lps(truth, index)
        for affine in (image.affine, image.get_sform(), image.get_qform()):
            np.testing.assert_allclose((affine @ (*found, 1))[:3], (-left, -back, up), atol=1e-3)


@planes
def test_simpleitk_finds_every_landmark_where_dicom_put_it(orientation: tuple[float, ...], tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is among the peers that make bench fetches")
    truth = phantom(orientation)
    image = sitk.ReadImage(str(written(truth, tmp_path)))
    voxels = sitk.GetArrayFromImage(image)
    for index, value in LANDMARKS.items():
        (found,) = np.argwhere(voxels == value)
        point = image.TransformIndexToPhysicalPoint([int(i) for i in found[::-1]])
        np.testing.assert_allclose(point, place_lps(truth, index), atol=1e-3)


@planes
def test_voxels_run_to_the_right_the_front_and_the_head(orientation: tuple[float, ...], tmp_path: Path) -> None:
    image = nib.load(written(phantom(orientation), tmp_path))
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.linalg.det(image.affine) > 0


def test_an_axial_slice_is_right_side_up_without_looking_at_the_affine(tmp_path: Path) -> None:
    truth = np.zeros((2, 4, 6))
    truth[1, 0, 0] = 1  # top slice, front row, the patient's right: where a DICOM viewer begins to draw
    voxels = np.asanyarray(nib.load(written(volume(truth, affine_of(AXIAL)), tmp_path)).dataobj)
    assert voxels.shape == (6, 4, 2)
    assert voxels[-1, -1, 1] == 1  # the greatest along right, front and up


rotations = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)
lengths_mm = st.tuples(*[st.floats(0.1, 10)] * 3)
origins_mm = st.tuples(*[st.floats(-2000, 2000)] * 3)
shapes = st.tuples(*[st.integers(1, 5)] * 3)


def rotation(quaternion: tuple[float, ...]) -> NDArray[np.float64]:
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


@given(rotations, lengths_mm, origins_mm, shapes)
def test_any_sound_affine_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    quaternion: tuple[float, ...],
    spacing_mm: tuple[float, ...],
    origin_mm: tuple[float, ...],
    shape: tuple[int, ...],
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation(quaternion)[:, [2, 1, 0]] * spacing_mm  # slice = row × column, right-handed as DICOM is
    affine[:3, 3] = origin_mm
    array = np.arange(np.prod(shape)).reshape(shape)
    image = nib.load(written(volume(array, affine), tmp_path_factory.mktemp("nifti")))
    voxels = np.asanyarray(image.dataobj)
    assert sorted(voxels.ravel()) == list(range(array.size))
    assert int(image.header["qform_code"]) == int(image.header["sform_code"]) == 1
    found = np.array([np.argwhere(voxels == value)[0] for value in array.ravel()])
    truth = np.indices(shape).reshape(3, -1).T @ affine[:3, :3].T + origin_mm
    for read in (image.get_sform(), image.get_qform()):
        ras = found @ read[:3, :3].T + read[:3, 3]
        np.testing.assert_allclose(ras * (-1, -1, 1), truth, atol=1e-3)


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
@pytest.mark.parametrize("shear", [1e-6, 1e-4, 1e-3])
def test_cosines_that_are_not_quite_perpendicular_leave_the_sform_exact_and_itk_content(
    shear: float, orientation: tuple[float, ...], tmp_path: Path
) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is among the peers that make bench fetches")
    affine = affine_of(orientation)
    affine[:3, 1] += shear * SPACING_MM[1] * affine[:3, 2] / SPACING_MM[2]
    path = written(volume(np.zeros((3, 256, 256)), affine), tmp_path)
    image = nib.load(path)
    first = (np.linalg.inv(image.get_sform()) @ (*(np.array([-1, -1, 1]) * affine[:3, 3]), 1)).round()[:3]
    corner = np.where(first == 0, np.array(image.shape) - 1, 0)
    np.testing.assert_allclose(
        (image.get_sform() @ (*corner, 1))[:3], (affine @ (2, 255, 255, 1))[:3] * (-1, -1, 1), atol=1e-3
    )
    point = sitk.ReadImage(str(path)).TransformIndexToPhysicalPoint([int(i) for i in corner])
    np.testing.assert_allclose(point, (affine @ (2, 255, 255, 1))[:3], atol=SPACING_MM.min() / 2)


def test_a_sheared_affine_that_no_turn_comes_near_leaves_the_qform_unset(tmp_path: Path) -> None:
    affine = affine_of(AXIAL)
    affine[:3, 1] += 0.02 * affine[:3, 2]
    header = nib.load(written(volume(np.zeros((3, 256, 256)), affine), tmp_path)).header
    assert int(header["qform_code"]) == 0
    assert int(header["sform_code"]) == 1
    np.testing.assert_allclose(header.get_zooms(), np.linalg.norm(header.get_sform()[:3, :3], axis=0), rtol=1e-3)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([-1024, 0, 3071], "int16"),
        ([-32768, 32767], "int16"),
        ([-32769, 0], "float32"),
        ([32768, 0], "float32"),
        ([0.5, 1], "float32"),
        ([1e-30, 0], "float32"),
        ([np.nan, 0], "float32"),
        ([np.inf, 0], "float32"),
    ],
)
def test_values_are_lossless_and_small_where_they_can_be(values: list[float], dtype: str, tmp_path: Path) -> None:
    array = np.array(values, np.float32).reshape(1, 1, -1)
    image = nib.load(written(volume(array, affine_of(SAGITTAL)), tmp_path))
    voxels = np.asanyarray(image.dataobj)
    assert voxels.dtype == dtype
    np.testing.assert_array_equal(np.sort(voxels.ravel()), np.sort(array.ravel()))


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_any_values_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    array = np.array(values, np.float32).reshape(1, 1, -1)
    of = volume(array, affine_of((-1.0, 0, 0, 0, -1, 0)))  # its columns run to the right already
    np.testing.assert_array_equal(nib.load(written(of, tmp_path_factory.mktemp("nifti"))).get_fdata().ravel(), values)


def test_the_header_says_millimeters_and_nothing_of_the_patient(tmp_path: Path) -> None:
    path = written(phantom(AXIAL), tmp_path, compress=False)
    header = nib.load(path).header
    assert header.get_xyzt_units() == ("mm", "unknown")
    assert header.get_slope_inter() == (1, 0) or header.get_slope_inter() == (None, None)
    assert (float(header["pixdim"][0]), int(header["dim"][0])) == (1.0, 3)
    for field in ("descrip", "intent_name", "db_name", "aux_file", "data_type"):
        assert header[field].item() == b""
    assert header.extensions == []
    assert b"SECRET" not in path.read_bytes()


def test_the_same_volume_gives_the_same_bytes_and_may_be_written_again(tmp_path: Path) -> None:
    first = written(phantom(AXIAL), tmp_path)
    bytes_first = first.read_bytes()
    assert written(phantom(AXIAL), tmp_path) == first
    assert first.read_bytes() == bytes_first
    assert [p.name for p in tmp_path.iterdir()] == [f"{UID}.nii.gz"]


@pytest.mark.parametrize("there", ["file", "folder"])
def test_another_file_of_that_name_is_left_as_it_is(there: str, tmp_path: Path) -> None:
    path = tmp_path / f"{UID}.nii.gz"
    path.mkdir() if there == "folder" else path.write_bytes(b"mine")
    refusal = write_nifti(phantom(AXIAL), tmp_path)
    assert isinstance(refusal, Issue)
    assert refusal.code == "FILE_EXISTS"
    assert path.is_dir() or path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_nowhere_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / f"{UID}.nii.gz").symlink_to(tmp_path / "elsewhere")
    assert not written(phantom(AXIAL), tmp_path).is_symlink()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "impossible",
    [
        volume(np.zeros((1, 1, 32768)), affine_of(AXIAL)),
        volume(np.zeros((1, 2, 2)), affine_of(AXIAL, (1e7 + 0.45, 0, 0))),
    ],
    ids=["too long", "too far"],
)
def test_what_nifti_cannot_say_is_refused(impossible: Volume, tmp_path: Path) -> None:
    refusal = write_nifti(impossible, tmp_path)
    assert isinstance(refusal, Issue)
    assert refusal.code == "NIFTI_LIMITS"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1, 1, 32767), (1, 5, 7), (1, 1, 1)])
def test_the_longest_and_the_smallest_volumes_are_written(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert nib.load(written(volume(np.ones(shape), affine_of(AXIAL)), tmp_path)).shape == shape[::-1]


@pytest.mark.parametrize("failure", ["OSError", "KeyboardInterrupt"])
def test_a_write_that_fails_midway_leaves_no_half_file(failure: str, tmp_path: Path) -> None:
    """The file may not grow beyond 100 kB (the kernel says so), or Ctrl-C comes (SIGXFSZ raises it)."""
    script = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from test_nifti import AXIAL, affine_of, volume
from tumorcast_imaging.dicom.nifti import write_nifti
noise = np.random.default_rng(0).integers(-1000, 1000, (64, 64, 64))
if {failure!r} == "KeyboardInterrupt":
    signal.signal(signal.SIGXFSZ, signal.default_int_handler)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
write_nifti(volume(noise, affine_of(AXIAL)), Path(sys.argv[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent,
        check=False,
    )
    assert done.returncode != 0
    assert failure in done.stderr
    assert not list(tmp_path.iterdir())
