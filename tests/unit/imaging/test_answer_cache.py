"""A kept answer is the answer that would be made now, or it is not found."""

import os
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.snapshot import Embedding, Extraction, Issue, Modality, Severity, Timepoint, WantedOfImages
from tumorcast_imaging.adapters.answers import AnswerCache, Ticket, made_by
from tumorcast_imaging.adapters.answers.file_state import SETTLED_S
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.dicom.reasons import issue
from tumorcast_imaging.model import CropSpec, EncoderManifest, Window

MIB = 1 << 20
SPACE = f"fake@{'a' * 12}/float32"
ANSWER = b"PATIENT-17 and what was measured of them"
TIMEPOINT = Timepoint("baseline", "2026-03-04", "1.2.3", "1.2.3.9")
WANTED = WantedOfImages(frozenset({"b", "a"}), frozenset({"fake"}))


def manifest(**changes: object) -> EncoderManifest:
    given = {
        "name": "fake",
        "version": "1",
        "embedding_dim": 4,
        "crop": CropSpec(voxels=8, spacing_mm=2.5, windows={"CT": Window(low=-160, high=240)}),
        "training_data": "none",
        "simulated": True,
        "weights_sha256": "a" * 64,
    }
    return EncoderManifest(**(given | changes))


@pytest.fixture
def study(tmp_path: Path) -> list[Path]:
    return written(tmp_path / "study")


def written(folder: Path) -> list[Path]:
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(bytes([number]) * 100)
    return sorted(folder.iterdir())


def later() -> int:
    return time.time_ns() + 60 * 10**9


def cache_in(root: Path, made: str = "code 1", device: str = "cpu") -> AnswerCache:
    return AnswerCache(KeptFiles(root / "kept", MIB), made, device, clock_ns=later)


def ticket_of(cache: AnswerCache, study: list[Path], **changes: object) -> Ticket:
    asked = {"timepoint": TIMEPOINT, "wanted": WANTED, "encoders": [(manifest(), SPACE)], "paths": study} | changes
    ticket = cache.ticket(**asked)
    assert ticket is not None
    return ticket


def entries(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and "study" not in path.parts]


def test_an_answer_comes_back_for_the_same_question_from_another_replica(tmp_path, study):
    cache_in(tmp_path).put(ticket_of(cache_in(tmp_path), study), Extraction(), ANSWER)
    assert cache_in(tmp_path).get(ticket_of(cache_in(tmp_path), study[::-1])) == ANSWER


def test_every_fact_of_the_question_decides_the_name(tmp_path, study):
    cache = cache_in(tmp_path)
    names = [
        ticket_of(cache, study).name,
        ticket_of(cache, study[:2]).name,
        ticket_of(cache, study, timepoint=Timepoint("previous", "2026-03-04", "1.2.3", "1.2.3.9")).name,
        ticket_of(cache, study, timepoint=Timepoint("baseline", "", "1.2.3", "1.2.3.9")).name,
        ticket_of(cache, study, timepoint=Timepoint("baseline", "2026-03-04", "1.2.4", "1.2.3.9")).name,
        ticket_of(cache, study, timepoint=Timepoint("baseline", "2026-03-04", "1.2.3", "")).name,
        ticket_of(cache, study, wanted=None).name,
        ticket_of(cache, study, wanted=WantedOfImages(frozenset({"a"}), frozenset({"fake"}))).name,
        ticket_of(cache, study, wanted=WantedOfImages(frozenset({"a", "b"}), frozenset())).name,
        ticket_of(cache, study, encoders=[]).name,
        ticket_of(cache, study, encoders=[(manifest(version="2"), SPACE)]).name,
        ticket_of(cache, study, encoders=[(manifest(), SPACE.replace("float32", "bf16"))]).name,
        ticket_of(cache_in(tmp_path, made="code 2"), study).name,
        ticket_of(cache_in(tmp_path, device="cuda"), study).name,
    ]
    assert len(set(names)) == len(names)


def overwrite_in_place(path: Path) -> None:
    """Same size, same inode, and the old time of change set back."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_another(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes()[::-1])
    other.replace(path)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("change", [overwrite_in_place, replace_by_another, append, Path.touch])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_changed_file_is_another_question(tmp_path, study, change, number):
    cache = cache_in(tmp_path)
    cache.put(ticket_of(cache, study), Extraction(), ANSWER)
    time.sleep(0.02)  # a tick of the file system's clock; in life SETTLED_S lies between
    change(study[number])
    assert cache.get(ticket_of(cache, study)) is None


def test_an_added_file_is_another_question(tmp_path, study):
    cache = cache_in(tmp_path)
    cache.put(ticket_of(cache, study), Extraction(), ANSWER)
    more = study[0].with_name("new.dcm")
    more.write_bytes(b"")
    assert cache.get(ticket_of(cache, [*study, more])) is None


def test_a_file_that_has_gone_gives_no_ticket(tmp_path, study):
    study[0].unlink()
    assert cache_in(tmp_path).ticket(TIMEPOINT, None, [], study) is None


def test_an_encoder_with_other_weights_than_its_manifest_gives_no_ticket(tmp_path, study):
    for space in (f"fake@{'b' * 12}/float32", ""):
        assert cache_in(tmp_path).ticket(TIMEPOINT, None, [(manifest(), space)], study) is None
    assert cache_in(tmp_path).ticket(TIMEPOINT, None, [(manifest(weights_sha256=""), "fake@/float32")], study) is None


def test_a_study_that_changed_while_it_was_read_is_not_kept(tmp_path, study):
    cache = cache_in(tmp_path)
    ticket = ticket_of(cache, study)
    time.sleep(0.02)
    append(study[1])
    cache.put(ticket, Extraction(), ANSWER)
    assert not entries(tmp_path)


def test_a_study_that_changed_just_now_is_not_kept_yet(tmp_path, study):
    cache = AnswerCache(KeptFiles(tmp_path / "kept", MIB), "", "cpu")
    cache.put(ticket_of(cache, study), Extraction(), ANSWER)
    assert not entries(tmp_path)
    long_ago = AnswerCache(
        KeptFiles(tmp_path / "kept", MIB), "", "cpu", clock_ns=lambda: time.time_ns() + int((SETTLED_S + 1) * 1e9)
    )
    long_ago.put(ticket_of(long_ago, study), Extraction(), ANSWER)
    assert entries(tmp_path)


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (issue("MISSING_SLICE"), True),
        (issue("SEGMENTATION_MISSING"), True),
        (Issue(Severity.WARNING, "DATE_DIFFERS", ""), True),
        (issue("DECODER_TIMEOUT"), False),
        (issue("DECODER_OUT_OF_MEMORY"), False),
        (issue("UNREADABLE"), False),
        (Issue(Severity.ERROR, "SERVICE_UNAVAILABLE", ""), False),
        (Issue(Severity.ERROR, "INCIDENT", ""), False),
    ],
)
def test_what_failed_for_a_reason_of_the_moment_is_not_kept(tmp_path, study, found, kept):
    cache = cache_in(tmp_path)
    cache.put(ticket_of(cache, study), Extraction(issues=(found,)), ANSWER)
    assert bool(entries(tmp_path)) == kept


def test_a_vector_of_another_space_is_not_kept(tmp_path, study):
    cache = cache_in(tmp_path)
    vector = Embedding(f"fake@{'b' * 12}/float32", np.zeros(4, np.float32), Modality.IMAGING, "baseline")
    cache.put(ticket_of(cache, study), Extraction(embeddings=(vector,)), ANSWER)
    assert not entries(tmp_path)


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_one_flipped_bit_is_a_miss_and_the_file_is_removed(tmp_path_factory, position, bit):
    root = tmp_path_factory.mktemp("answers")
    cache, study = cache_in(root), written(root / "study")
    ticket = ticket_of(cache, study)
    cache.put(ticket, Extraction(), ANSWER)
    (file,) = entries(root)
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= 1 << bit
    file.write_bytes(content)
    assert cache.get(ticket) is None
    assert not entries(root)


@given(st.binary(max_size=100))
def test_an_entry_that_another_key_has_sealed_is_a_miss(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("answers")
    cache, study = cache_in(root), written(root / "study")
    ticket = ticket_of(cache, study)
    KeptFiles(root / "kept", MIB).put(ticket.name, content)
    assert cache.get(ticket) is None


def test_a_truncated_entry_is_a_miss(tmp_path, study):
    cache = cache_in(tmp_path)
    ticket = ticket_of(cache, study)
    for size in range(0, 90, 7):
        cache.put(ticket, Extraction(), ANSWER)
        (file,) = entries(tmp_path)
        os.truncate(file, size)
        assert cache.get(ticket) is None


def test_the_folder_alone_tells_nothing(tmp_path, study):
    cache = cache_in(tmp_path)
    ticket = ticket_of(cache, study)
    cache.put(ticket, Extraction(), ANSWER)
    (file,) = entries(tmp_path)
    assert b"PATIENT" not in file.read_bytes()
    assert not any(word in str(file.relative_to(tmp_path)) for word in ("1.2.3", "baseline", "2026"))
    assert "PATIENT" not in repr(ticket)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (file.parent, file.parent.parent)} == {0o700}


def test_many_at_once_find_the_answer_or_nothing(tmp_path, study):
    """Replicas share a folder so small that entries are removed under their readers."""
    answers = {number: bytes([number]) * 9000 for number in range(6)}
    wrong: list[bytes] = []

    def replica() -> None:
        cache = AnswerCache(KeptFiles(tmp_path / "kept", 4 * 4096), "code 1", "cpu", clock_ns=later)
        for turn in range(60):
            number = turn % len(answers)
            ticket = ticket_of(cache, study, timepoint=Timepoint(str(number), "", "1.2.3"))
            found = cache.get(ticket)
            if found is None:
                cache.put(ticket, Extraction(), answers[number])
            elif found != answers[number]:
                wrong.append(found)

    threads = [threading.Thread(target=replica) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not [path for path in entries(tmp_path) if path.suffix == ".part"]


def test_what_made_an_answer_is_the_same_each_time(tmp_path):
    assert made_by() == made_by()
    assert len(made_by()) == 64
