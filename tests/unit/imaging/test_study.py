"""One study becomes measurements, embeddings and issues, each with its timepoint, source and date."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.dicom_factory import SERIES, STUDY, Phantom
from tumorcast_core.errors import DeadlineExceeded, StudyNotFound
from tumorcast_core.snapshot import Severity, Timepoint
from tumorcast_imaging.model import CropSpec, Encoder, EncoderManifest, Window, encode_study, measure, prepare_study

MANIFEST = EncoderManifest(
    name="test-lesion",
    version="1",
    embedding_dim=8,
    crop=CropSpec(voxels=24, spacing_mm=2.5, windows={"CT": Window(low=-160, high=240)}),
    training_data="None.",
    simulated=True,
)


@dataclass
class OneFolder:
    """A study reader over whatever lies in a folder."""

    folder: Path

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        if study_instance_uid != STUDY:
            raise StudyNotFound
        return tuple(sorted(self.folder.glob("*.dcm")))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.untrained(MANIFEST, 0)


def read(folder: Path, encoder: Encoder, **timepoint: str):
    return encode_study(OneFolder(folder), Timepoint("baseline", study_instance_uid=STUDY, **timepoint), [encoder])


def test_a_study_with_a_segmentation_is_measured_and_encoded(tmp_path: Path, encoder):
    phantom = Phantom()
    phantom.write(tmp_path)
    phantom.write_segmentation(tmp_path)
    found = read(tmp_path, encoder)
    size = measure(phantom.mask, phantom.spacing_mm)
    plain = {f.name: f.value for f in found.features if not f.name.startswith("ct_")}
    assert plain == {
        "sum_of_diameters": pytest.approx(size.longest_diameter_mm),
        "tumor_maximum_3d_diameter": pytest.approx(size.maximum_3d_diameter_mm),
        "tumor_longest_diameter": pytest.approx(size.longest_diameter_mm),
        "tumor_short_axis": pytest.approx(size.short_axis_mm),
        "tumor_volume": pytest.approx(size.volume_ml),
    }
    for feature in (f for f in found.features if f.name != "sum_of_diameters"):
        assert (feature.timepoint, feature.effective) == ("baseline", "2026-03-04")
        assert feature.source == f"{SERIES}.900#segment=1"
    (lesion,) = found.lesions
    assert (lesion.series_instance_uid, lesion.dicom_modality, lesion.date) == (SERIES, "CT", "2026-03-04")
    assert {f.name for f in lesion.measurements} == {f.name for f in found.features} - {"sum_of_diameters"}
    (embedding,) = found.embeddings
    assert embedding.embedding_space == encoder.embedding_space
    assert embedding.vector.shape == (8,)
    assert (embedding.timepoint, embedding.dicom_modality, embedding.source) == ("baseline", "CT", SERIES)
    assert (found.patient_id, found.date, found.issues) == ("PHANTOM-1", "2026-03-04", ())


def test_without_a_segmentation_the_study_is_read_and_the_lack_is_told(tmp_path: Path, encoder):
    found = read(Phantom().write(tmp_path), encoder)
    (issue,) = found.issues
    assert (issue.code, issue.severity, issue.timepoint) == ("SEGMENTATION_MISSING", Severity.ERROR, "baseline")
    assert (found.features, found.embeddings) == ((), ())
    assert (found.patient_id, found.date) == ("PHANTOM-1", "2026-03-04")


def test_a_date_that_differs_from_the_images_is_told(tmp_path: Path, encoder):
    Phantom().write(tmp_path)
    codes = [issue.code for issue in read(tmp_path, encoder, date="2026-03-05").issues]
    assert "DATE_DIFFERS" in codes
    assert "DATE_DIFFERS" not in [issue.code for issue in read(tmp_path, encoder, date="2026-03").issues]


def test_an_unsound_series_is_an_issue_not_an_error(tmp_path: Path, encoder):
    Phantom().write(tmp_path, without=(4,))
    Phantom().write_segmentation(tmp_path)
    found = read(tmp_path, encoder)
    assert {"MISSING_SLICE", "NO_VOLUME"} <= {issue.code for issue in found.issues}
    assert all(issue.origin == "imaging" and issue.timepoint == "baseline" for issue in found.issues)
    assert not found.embeddings


def test_a_study_of_two_patients_gives_nothing_but_the_reason(tmp_path: Path, encoder):
    Phantom().write(tmp_path)
    Phantom().write_segmentation(tmp_path)
    Phantom(series="1.2.3", patient_id="PHANTOM-2").write(tmp_path)
    found = read(tmp_path, encoder)
    assert "MIXED_PATIENTS" in [issue.code for issue in found.issues]
    assert not found.features
    assert not found.embeddings
    assert found.patient_id == ""


def test_the_series_that_was_segmented_is_the_one_that_is_read(tmp_path: Path, encoder):
    Phantom(series="1.2.3", pixel_seed=9).write(tmp_path)
    Phantom().write(tmp_path)
    Phantom().write_segmentation(tmp_path)
    (embedding,) = read(tmp_path, encoder).embeddings
    assert embedding.source == SERIES


def test_an_encoder_of_another_modality_is_not_asked(tmp_path: Path):
    Phantom().write(tmp_path)
    Phantom().write_segmentation(tmp_path)
    of_mr = MANIFEST.crop.model_copy(update={"windows": {"MR": Window(low=1, high=99, of="percentiles")}})
    mr_only = Encoder.untrained(MANIFEST.model_copy(update={"crop": of_mr}), 0)
    found = read(tmp_path, mr_only)
    assert found.features
    assert not found.embeddings


def test_an_unknown_study_is_told(tmp_path: Path, encoder):
    with pytest.raises(StudyNotFound):
        encode_study(OneFolder(tmp_path), Timepoint("baseline", study_instance_uid="1.2"), [encoder])


def _unstated(seg) -> None:
    del seg.ReferencedSeriesSequence


def test_a_segmentation_that_fits_two_series_and_names_none_is_ambiguous(tmp_path: Path, encoder):
    Phantom().write(tmp_path)
    Phantom(series="1.2.3.4", pixel_seed=2).write(tmp_path)  # another phase on the same grid
    Phantom().write_segmentation(tmp_path, edit=_unstated)
    found = read(tmp_path, encoder)
    assert [issue.code for issue in found.issues if issue.blocks] == ["SEVERAL_SERIES_DRAWN"] * 2
    assert (found.features, found.embeddings) == ((), ())
    assert len(found.lesions) == 2


def test_a_segmentation_that_names_no_series_goes_to_the_only_one_that_it_fits(tmp_path: Path, encoder):
    Phantom().write(tmp_path)
    Phantom(series="1.0", origin_mm=(0.0, 0.0, 0.0)).write(tmp_path)  # comes first, lies elsewhere
    Phantom().write_segmentation(tmp_path, edit=_unstated)
    found = read(tmp_path, encoder)
    assert [issue.code for issue in found.issues] == ["SEGMENTATION_SERIES_UNSTATED"]
    assert [embedding.source for embedding in found.embeddings] == [SERIES]


def test_work_that_nobody_waits_for_stops_at_the_next_stage(tmp_path):
    """At every place where the check is called the work can end there, and is as before when it never does."""
    store = OneFolder(Phantom().write(tmp_path))
    timepoint, calls = Timepoint("baseline", study_instance_uid=STUDY), 0

    def count() -> None:
        nonlocal calls
        calls += 1

    Phantom().write_segmentation(tmp_path)
    prepared = prepare_study(store, timepoint, [MANIFEST], count)
    assert len(prepared.crops) == 1
    assert calls >= 5  # before and after finding the files, before each series, the segmentation and each crop
    for stage in range(calls):
        with pytest.raises(DeadlineExceeded):
            prepare_study(store, timepoint, [MANIFEST], Patience(stage))


class Patience:
    """A check that passes so many times."""

    def __init__(self, times: int) -> None:
        self._left = times

    def __call__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise DeadlineExceeded
