"""The imaging servicer answers the same question about the same study from what it kept, and no other."""

import asyncio
import time
from pathlib import Path

import pytest

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode
from support.imaging_servicer import BrokenEncoder, run
from tumorcast_core.errors import ServiceUnavailable, StudyNotFound
from tumorcast_imaging import servicer as servicers
from tumorcast_imaging.adapters.answers import AnswerCache
from tumorcast_imaging.adapters.encoders import LocalEncoder
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import SHIPPED, Encoder
from tumorcast_imaging.servicer import ImagingServicer


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(SHIPPED / "ct-lesion")


@pytest.fixture
def prepared(monkeypatch) -> list[int]:
    """Grows by one with every study that is read and measured."""
    times: list[int] = []
    prepare = servicers.prepare_study

    def counted(*arguments):
        times.append(1)
        return prepare(*arguments)

    monkeypatch.setattr(servicers, "prepare_study", counted)
    return times


def servicer(root: Path, encoder: object) -> ImagingServicer:
    answers = AnswerCache(
        KeptFiles(root / "kept", 1 << 20), "code", "cpu", clock_ns=lambda: time.time_ns() + 60 * 10**9
    )
    return ImagingServicer(FolderStudyStore(root / "store"), [encoder], answers=answers)


def stored(root: Path, phantom: Phantom) -> None:
    folder = phantom.write(root / f"in{phantom.pixel_seed}")
    phantom.write_segmentation(folder)
    for path in folder.iterdir():
        FolderStudyStore(root / "store").add(path)


def test_the_second_answer_is_the_first_and_nothing_is_read_for_it(tmp_path, encoder, prepared):
    stored(tmp_path, Phantom())
    local = LocalEncoder(encoder)

    async def talk(stub, _):
        return [await encode(stub, STUDY) for _ in range(3)]

    first, *others = run(servicer(tmp_path, local), talk) + run(servicer(tmp_path, local), talk)
    assert first.embeddings
    assert first.patient_id == "PHANTOM-1"
    assert all(other == first for other in others)
    assert len(prepared) == 1


def test_a_file_that_is_added_is_seen_at_once(tmp_path, encoder, prepared):
    folder = Phantom().write(tmp_path / "in")
    store = FolderStudyStore(tmp_path / "store")
    for path in folder.iterdir():
        store.add(path)

    async def talk(stub, _):
        before = await encode(stub, STUDY)
        store.add(Phantom().write_segmentation(tmp_path / "seg"))
        return before, await encode(stub, STUDY)

    before, after = run(servicer(tmp_path, LocalEncoder(encoder)), talk)
    assert not before.features
    assert "SEGMENTATION_MISSING" in {issue.code for issue in before.issues}
    assert after.features
    assert len(prepared) == 2


def test_a_study_that_has_gone_is_not_found(tmp_path, encoder):
    stored(tmp_path, Phantom())

    async def talk(stub, _):
        await encode(stub, STUDY)
        for path in (tmp_path / "store" / STUDY).iterdir():
            path.unlink()
        await encode(stub, STUDY)

    with pytest.raises(StudyNotFound):
        run(servicer(tmp_path, LocalEncoder(encoder)), talk)


class Dead(BrokenEncoder):
    """An encoder that names no space either."""

    async def space(self, deadline):
        raise ServiceUnavailable


def test_a_dead_encoder_is_told_and_its_error_not_kept(tmp_path, encoder, prepared):
    stored(tmp_path, Phantom())
    with pytest.raises(ServiceUnavailable):
        run(servicer(tmp_path, Dead(error=ServiceUnavailable())), lambda stub, _: encode(stub, STUDY))
    assert not list((tmp_path / "kept").rglob("*"))


def test_many_at_once_get_the_same_answer(tmp_path, encoder):
    stored(tmp_path, Phantom())

    async def talk(stub, _):
        return await asyncio.gather(*(encode(stub, STUDY) for _ in range(8)))

    first, *others = run(servicer(tmp_path, LocalEncoder(encoder)), talk)
    assert all(other == first for other in others)
