"""The gate under damaged files, and that the fuzz test would see a gate that fails."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fuzz.anatomy import Edit
from fuzz.checks import VALUE_TAGS, Checker, Input
from fuzz.dicom_fuzz import fuzz
from fuzz.inputs import make
from fuzz.seeds import SOUND, Corpus, Seed, corpus
from tumorcast_imaging.dicom import IgnoredFile, StudyVolumes, read_study

FAKE = """
import json, os, sys, time
_, at, stop = map(int, sys.argv[1:4])
def say(**what): print(json.dumps(what), flush=True)
say(base_mib=1)
for n in range(at, stop):
    say(begin=n, story=f"file {n}")
    if n == 3: FAILS
    say(number=n, codes=["ACCEPTED"], broken=[], s=0.0, rss_mib=1, child_mib=0)
say(done=True, broken=[])
"""


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_and_none_hangs_crashes_or_fills_the_memory():
    report = fuzz(2000, seed=3)
    assert not report.broken, "\n".join(report.lines())
    assert report.files == 2000
    assert report.codes["ACCEPTED"] > 100
    assert len(report.codes) > 30


@pytest.mark.parametrize(
    ("fails", "told"), [("os.abort()", "#3 ended the process with -6"), ("time.sleep(60)", "#3 hung")]
)
def test_a_crash_and_a_hang_cost_one_file_and_are_told_with_its_number(fails: str, told: str):
    report = fuzz(6, seed=1, hang_s=0.5, worker=("-c", FAKE.replace("FAILS", fails)))
    assert [line.split(":")[0] for line in report.broken] == [told]
    assert report.files == 6
    assert report.codes["ACCEPTED"] == 5


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus(tmp_path_factory.mktemp("seeds"))


@pytest.fixture
def plain(seeds: Corpus) -> Seed:
    return next(s for s in seeds.slices if s.case and s.case.name == "explicit big endian")


def comment(seed: Seed) -> Input:
    """One letter of the manufacturer changed: nothing that matters."""
    place = seed.anatomy.find(0x00080070)
    assert place
    edit = Edit(place.value, place.value + 1, b"p")
    data = seed.data[: edit.start] + edit.new + seed.data[edit.end :]
    return Input(seed, data, (edit,), inside=True)


def raising(*_: object, **__: object) -> StudyVolumes:
    raise KeyError("PatientName")


def swapping(folders: list[Path], *, repair: bool) -> StudyVolumes:
    """Swaps two slices of every series but the one beside."""
    study = read_study(folders, repair=repair)
    order = np.array([1, 0, *range(2, 100)])
    volumes = [
        v if v.series_instance_uid == SOUND.series else replace(v, array=v.array[order[: len(v.array)]])
        for v in study.volumes
    ]
    return replace(study, volumes=tuple(volumes))


def forgetting(folders: list[Path], *, repair: bool) -> StudyVolumes:
    """Loses the sound series beside."""
    return read_study(folders[1:], repair=repair)


def inventing(folders: list[Path], *, repair: bool) -> StudyVolumes:
    return replace(read_study(folders, repair=repair), ignored=(IgnoredFile(Path("a"), "NO_SUCH_CODE"),))


@pytest.mark.slow
@pytest.mark.parametrize("read", [raising, swapping, forgetting, inventing])
def test_a_gate_that_fails_is_seen(read, seeds: Corpus, plain: Seed, tmp_path: Path):
    assert Checker(seeds, tmp_path, read).check(comment(plain), number=1).broken


@pytest.mark.slow
def test_harmless_damage_is_read_and_damaged_pixels_are_known_as_such(seeds: Corpus, plain: Seed, tmp_path: Path):
    given = comment(plain)
    outcome = Checker(seeds, tmp_path).check(given, number=1)
    assert outcome.codes == ("ACCEPTED",)
    assert not outcome.broken
    assert not given.touches(VALUE_TAGS)
    pixels = replace(given, edits=(Edit(len(plain.data) - 4, len(plain.data) - 3, b"!"),))
    assert pixels.touches(VALUE_TAGS)


@pytest.mark.slow
def test_a_number_always_gives_the_same_file(seeds: Corpus, tmp_path: Path) -> None:
    again = corpus(tmp_path)
    for number in range(200):
        assert make(seeds, 1, number).given.data == make(again, 1, number).given.data
