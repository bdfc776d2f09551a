"""A sound series becomes the right volume."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import JPEG2000, ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from support.adversarial.syntax_cases import compressed, jpeg_2000
from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom, save
from tumorcast_core.errors import StudyNotFound
from tumorcast_imaging.dicom import Limits, read_study


def codes(issues) -> list[str]:
    return [issue.code for issue in issues]


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
def test_affine_and_values_of_any_orientation_are_right(tmp_path: Path, orientation):
    phantom = Phantom(orientation=orientation)
    study = read_study(phantom.write(tmp_path))
    (volume,) = study.volumes
    corners = np.array([(k, r, c, 1) for k in (0, 11) for r in (0, 39) for c in (0, 47)], float).T
    assert np.abs(volume.affine_lps @ corners - phantom.affine_lps @ corners).max() < 1e-3
    assert np.array_equal(volume.array, phantom.array.astype(np.float32))
    assert volume.array.dtype == np.float32
    assert volume.spacing_mm == pytest.approx(phantom.spacing_mm)
    assert (volume.unit, volume.dicom_modality, volume.date, volume.patient_id) == (
        "HU",
        "CT",
        "2026-03-04",
        "PHANTOM-1",
    )
    assert volume.sop_instance_uids == tuple(f"{phantom.series}.{k + 1}" for k in range(12))
    assert not study.issues


def test_slope_and_intercept_of_each_slice_are_applied_in_float32(tmp_path: Path):
    def rescale(k: int, d: Dataset) -> None:
        d.RescaleSlope, d.RescaleIntercept = f"{1 + k / 7:.6f}", f"{-1024 + k / 3:.4f}"

    phantom = Phantom()
    (volume,) = read_study(phantom.write(tmp_path, rescale)).volumes
    k = np.arange(12.0)[:, None, None]
    truth = (phantom.array + 1024.0) * np.round(1 + k / 7, 6) + np.round(-1024 + k / 3, 4)
    assert np.abs(volume.array - truth).max() < 1e-3


def test_signed_pixels_and_bits_above_the_high_bit_are_read_right(tmp_path: Path):
    phantom = Phantom()

    def twelve_bits_signed(k: int, d: Dataset) -> None:
        d.PixelRepresentation, d.BitsStored, d.HighBit, d.RescaleIntercept = 1, 12, 11, 0
        stored = phantom.array[k].astype("<u2") & 0x0FFF
        d.PixelData = (stored | 0x8000).tobytes()  # an old overlay plane in bit 15

    (volume,) = read_study(phantom.write(tmp_path, twelve_bits_signed)).volumes
    assert np.array_equal(volume.array, phantom.array)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_uncompressed_transfer_syntax_is_read(tmp_path: Path, syntax):
    phantom = Phantom()

    def rewrite(k: int, d: Dataset) -> None:
        d.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            d.PixelData = np.frombuffer(d.PixelData, "<u2").astype(">u2").tobytes()

    for k, d in enumerate(phantom.slices(rewrite)):
        d.save_as(
            tmp_path / f"{k}.dcm",
            implicit_vr=syntax == ImplicitVRLittleEndian,
            little_endian=syntax != ExplicitVRBigEndian,
            enforce_file_format=True,
        )
    (volume,) = read_study(tmp_path).volumes
    assert np.array_equal(volume.array, phantom.array)


def test_padding_becomes_air_before_rescale_and_is_said(tmp_path: Path):
    def pad(k: int, d: Dataset) -> None:
        stored = np.frombuffer(d.PixelData, "<u2").reshape(40, 48).copy()
        stored[:3] = 63536
        d.PixelData, d.PixelPaddingValue = stored.tobytes(), 63536
        d["PixelPaddingValue"].VR = "US"

    (volume,) = read_study(Phantom().write(tmp_path, pad)).volumes
    assert (volume.array[:, :3] == -1024).all()
    assert volume.array[:, 3:].min() > -200
    assert codes(volume.problems) == ["PADDING_AS_AIR"]


@pytest.mark.parametrize(("signed", "padding", "vr"), [(0, 63536, "US"), (1, -32768, "SS")])
def test_padding_beyond_the_stored_bits_becomes_air(tmp_path: Path, signed: int, padding: int, vr: str):
    def pad(k: int, d: Dataset) -> None:
        d.BitsStored, d.HighBit, d.PixelRepresentation = 12, 11, signed
        stored = np.frombuffer(d.PixelData, "<i2" if signed else "<u2").reshape(40, 48).copy()
        stored[:3] = padding
        d.PixelData = stored.tobytes()
        d["PixelPaddingValue"] = DataElement("PixelPaddingValue", vr, padding)

    (volume,) = read_study(Phantom().write(tmp_path, pad)).volumes
    assert (volume.array[:, :3] == -1024).all()
    assert np.array_equal(volume.array[:, 3:], Phantom().array[:, 3:])
    assert codes(volume.problems) == ["PADDING_AS_AIR"]


def test_an_mr_may_take_its_even_slices_after_the_odd_ones(tmp_path: Path):
    def interleave(k: int, d: Dataset) -> None:
        d.Modality, d.SOPClassUID = "MR", "1.2.840.10008.5.1.4.1.1.4"
        d.AcquisitionTime = "100000" if k % 2 else "100200"

    assert len(read_study(Phantom().write(tmp_path, interleave)).volumes) == 1


def test_a_ct_may_state_a_time_of_its_own_for_every_slice(tmp_path: Path):
    def state(k: int, d: Dataset) -> None:
        d.AcquisitionTime = f"1000{k // 2:02}"

    assert len(read_study(Phantom().write(tmp_path, state)).volumes) == 1


def test_long_orientation_numbers_are_read_as_they_are(tmp_path: Path):
    def many_digits(k: int, d: Dataset) -> None:
        row, column = np.array(OBLIQUE).reshape(2, 3)
        d.ImageOrientationPatient = [f"{c:.18f}" for c in (*row, *column)]

    (volume,) = read_study(Phantom(orientation=OBLIQUE).write(tmp_path, many_digits)).volumes
    assert np.abs(volume.affine_lps - Phantom(orientation=OBLIQUE).affine_lps).max() < 1e-3


def test_scanner_jitter_of_two_hundredths_of_a_millimeter_is_accepted(tmp_path: Path):
    def jitter(k: int, d: Dataset) -> None:
        d.ImagePositionPatient[2] = float(d.ImagePositionPatient[2]) + (0.02 if k % 2 else -0.02)

    (volume,) = read_study(Phantom().write(tmp_path, jitter)).volumes
    assert np.abs(volume.affine_lps - Phantom().affine_lps).max() < 0.03


def test_a_bad_file_does_not_sink_the_series_beside_it(tmp_path: Path):
    Phantom().write(tmp_path)
    (tmp_path / "README.txt").write_text("Not an image.")
    (tmp_path / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 400)
    study = read_study(tmp_path)
    assert len(study.volumes) == 1
    assert {"NOT_DICOM", "MALFORMED_HEADER"} >= set(codes(study.issues))
    assert "NOT_DICOM" in codes(study.issues)
    assert len(study.ignored) == 2


def test_a_broken_series_does_not_sink_the_series_beside_it(tmp_path: Path):
    Phantom().write(tmp_path / "a")
    Phantom(series="1.2.3").write(tmp_path / "b", without=(5,))
    study = read_study([tmp_path / "a", tmp_path / "b"])
    assert len(study.volumes) == 1
    assert [(r.series_instance_uid, codes(r.problems)) for r in study.refused] == [("1.2.3", ["MISSING_SLICE"])]


def test_a_second_copy_of_a_file_is_left_out(tmp_path: Path):
    Phantom().write(tmp_path / "a")
    Phantom().write(tmp_path / "b")
    (volume,) = read_study(tmp_path).volumes
    assert volume.array.shape == (12, 40, 48)
    assert codes(volume.problems) == ["DUPLICATE_FILE"]


def test_a_localizer_and_a_derived_image_are_left_out_of_their_series(tmp_path: Path):
    def add(k: int, d: Dataset) -> None:
        if k == 0:
            d.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        if k == 11:
            d.ImageType = ["DERIVED", "SECONDARY", "REFORMATTED"]

    (volume,) = read_study(Phantom().write(tmp_path, add)).volumes
    assert volume.array.shape[0] == 10
    assert codes(volume.problems) == ["LOCALIZER", "DERIVED_IMAGE"]


def test_a_series_that_is_derived_throughout_is_a_series(tmp_path: Path):
    def derive(k: int, d: Dataset) -> None:
        d.ImageType = ["DERIVED", "SECONDARY"]

    (volume,) = read_study(Phantom().write(tmp_path, derive)).volumes
    assert volume.array.shape[0] == 12
    assert not volume.problems


def test_a_single_slice_takes_its_thickness_and_says_so(tmp_path: Path):
    (volume,) = read_study(Phantom().write(tmp_path, without=tuple(range(1, 12)))).volumes
    assert volume.spacing_mm == pytest.approx((4.0, 2.5, 2.0))
    assert codes(volume.problems) == ["SINGLE_SLICE"]


def test_a_missing_frame_of_reference_is_said(tmp_path: Path):
    def drop(k: int, d: Dataset) -> None:
        del d.FrameOfReferenceUID

    (volume,) = read_study(Phantom().write(tmp_path, drop)).volumes
    assert codes(volume.problems) == ["FRAME_OF_REFERENCE_MISSING"]


def test_two_patients_in_one_study_are_told(tmp_path: Path):
    Phantom().write(tmp_path)
    Phantom(series="1.2.3", patient_id="PHANTOM-2").write(tmp_path)
    study = read_study(tmp_path)
    assert "MIXED_PATIENTS" in codes(study.study_issues)


def test_an_empty_folder_says_that_there_is_no_dicom(tmp_path: Path):
    assert codes(read_study(tmp_path).issues) == ["NO_DICOM"]


def test_a_path_that_does_not_exist_is_told(tmp_path: Path):
    with pytest.raises(StudyNotFound):
        read_study(tmp_path / "nowhere")


def test_a_path_that_no_file_can_have_is_told(tmp_path: Path):
    with pytest.raises(StudyNotFound):
        read_study(tmp_path / ("a" * 300))


def test_a_linked_folder_is_not_entered_but_told(tmp_path: Path):
    Phantom().write(tmp_path / "elsewhere")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "baseline").symlink_to(tmp_path / "elsewhere")
    assert codes(read_study(tmp_path / "study").issues) == ["NO_DICOM", "NOT_A_FILE"]


def test_a_dicomdir_beside_the_images_is_no_error(tmp_path: Path):
    Phantom().write(tmp_path)
    directory = Dataset()
    directory.file_meta = FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.DirectoryRecordSequence = []
    save(directory, tmp_path / "DICOMDIR")
    study = read_study(tmp_path)
    assert len(study.volumes) == 1
    assert codes(study.issues) == ["NOT_AN_IMAGE"]


def test_what_a_file_holds_is_not_quoted_in_warnings(tmp_path: Path):
    def odd(k: int, d: Dataset) -> None:
        d.SpecificCharacterSet = "Phantom^One"

    with pytest.warns(UserWarning, match="Unknown encoding"):
        Phantom().write(tmp_path, odd)
    code = f"from tumorcast_imaging.dicom import read_study; print(len(read_study({str(tmp_path)!r}).volumes))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("1", "")


def test_limits_hold_before_anything_is_decoded(tmp_path: Path):
    Phantom().write(tmp_path)
    assert codes(read_study(tmp_path, Limits(max_files=11)).issues) == ["TOO_MANY_FILES"]
    assert "FILE_TOO_LARGE" in codes(read_study(tmp_path, Limits(max_file_bytes=1000)).issues)
    assert "TOO_MANY_VOXELS" in codes(read_study(tmp_path, Limits(max_voxels=1000)).issues)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path):
    import os

    Phantom().write(tmp_path)
    os.mkfifo(tmp_path / "pipe.dcm")
    study = read_study(tmp_path)
    assert len(study.volumes) == 1
    assert "NOT_A_FILE" in codes(study.issues)


def test_an_mr_series_is_read_in_arbitrary_units(tmp_path: Path):
    def as_mr(k: int, d: Dataset) -> None:
        d.Modality = "MR"
        d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        del d.RescaleSlope, d.RescaleIntercept, d.RescaleType

    for k, d in enumerate(Phantom().slices(as_mr)):
        save(d, tmp_path / f"{k}.dcm")
    (volume,) = read_study(tmp_path).volumes
    assert (volume.unit, volume.dicom_modality) == ("arbitrary", "MR")
    assert np.array_equal(volume.array, Phantom().array + 1024)


def test_a_compressed_series_is_found_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    phantom = Phantom()
    phantom.write(tmp_path / "series", compressed(JPEG2000Lossless, jpeg_2000))
    monkeypatch.chdir(tmp_path)  # the decoding children have a working folder of their own
    (volume,) = read_study("series").volumes
    assert np.array_equal(volume.array, phantom.array)


@pytest.mark.parametrize(("flag", "said"), [(None, ["LOSSY_COMPRESSION"]), ("00", []), ("01", ["LOSSY_COMPRESSION"])])
def test_jpeg_2000_that_may_lose_is_lossy_unless_it_says_that_it_is_not(tmp_path: Path, flag, said):
    def edit(k: int, d: Dataset) -> None:
        compressed(JPEG2000, jpeg_2000)(k, d)
        if flag is not None:
            d.LossyImageCompression = flag

    phantom = Phantom()
    (volume,) = read_study(phantom.write(tmp_path, edit)).volumes
    assert codes(volume.problems) == said
    assert np.array_equal(volume.array, phantom.array)


def test_values_far_below_air_are_kept_and_said_where_no_padding_is_stated(tmp_path: Path):
    phantom = Phantom()
    truth = phantom.array.copy()
    truth[:, :5] = -3024

    def edit(k: int, d: Dataset) -> None:
        d.PixelRepresentation, d.RescaleIntercept = 1, -1024
        d.PixelData = (truth[k] + 1024).astype("<i2").tobytes()

    (volume,) = read_study(phantom.write(tmp_path, edit)).volumes
    assert codes(volume.problems) == ["BELOW_AIR"]
    assert np.array_equal(volume.array, truth)
