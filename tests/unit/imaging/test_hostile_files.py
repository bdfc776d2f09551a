"""Whatever the bytes are, reading ends soon and raises nothing but Tumorcast errors."""

import gc
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, EnhancedCTImageStorage, JPEGLSLossless

from support.adversarial.multiframe_cases import frames as multiframe
from support.adversarial.phantom import Series
from support.adversarial.syntax_cases import jpeg_ls
from support.dicom_factory import Phantom, save
from tumorcast_core.errors import TumorcastError
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.dicom import Limits, read_segmentation, read_study
from tumorcast_imaging.dicom.dataset import inflated

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, about the values we broke
SMALL = Phantom(shape=(4, 8, 8), semi_axes_mm=(6, 6, 6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SMALL.write(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, bytes]:
    seg = SMALL.write_segmentation(folder)
    return {"slice": next(folder.glob("*-000.dcm")).read_bytes(), "seg": seg.read_bytes()}


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[float, bytes]]:
    place = st.floats(0, 1, exclude_max=True)
    return draw(st.lists(st.tuples(place, st.binary(min_size=1, max_size=8)), min_size=1, max_size=6))


def mutate(data: bytes, edits: list[tuple[float, bytes]], cut: float) -> bytes:
    changed = bytearray(data)
    for where, what in edits:
        start = int(where * len(changed))
        changed[start : start + len(what)] = what
    return bytes(changed[: int(len(changed) * cut)])


@settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=mutations(), cut=st.one_of(st.just(1.0), st.floats(0, 1)), which=st.sampled_from(["slice", "seg"]))
def test_mutated_files_never_raise_and_never_hang(tmp_path: Path, folder, files, edits, cut, which):
    (folder / "mutated.dcm").write_bytes(mutate(files[which], edits, cut))
    study = read_study(folder)
    for volume in study.volumes:
        assert volume.array.size <= 5 * 64 * 64
        read_segmentation(folder, volume)
    try:
        FolderStudyStore(tmp_path / "store").add(folder / "mutated.dcm")
    except TumorcastError as error:
        told = error.message
        assert "/" not in told


@settings(max_examples=60, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000), magic=st.booleans())
def test_random_bytes_never_raise(tmp_path: Path, data, magic):
    (tmp_path / "random.dcm").write_bytes((bytes(128) + b"DICM" if magic else b"") + data)
    study = read_study(tmp_path / "random.dcm")
    assert not study.volumes
    assert len(study.ignored) == 1


@pytest.mark.parametrize("element", [b"\x02\x00\x02\x00", b"\x02\x00\x03\x00", b"\x02\x00\x10\x00"])
def test_a_file_meta_element_of_no_known_vr_is_read_or_refused_never_raised(tmp_path: Path, files, element) -> None:
    broken = files["slice"].replace(element + b"UI", element + b"U\x00", 1)
    assert broken != files["slice"]
    (tmp_path / "broken.dcm").write_bytes(broken)
    study = read_study(tmp_path / "broken.dcm")
    assert len(study.volumes) + len(study.refused) + len(study.ignored) == 1


def test_deep_nesting_is_an_unreadable_header_not_a_crash(tmp_path: Path):
    innermost = Dataset()
    innermost.SeriesInstanceUID = "1.2.3"
    for _ in range(90):
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([innermost])
        innermost = outer
    d = SMALL.slices()[0]
    d.ReferencedSeriesSequence = Sequence([innermost])
    save(d, tmp_path / "deep.dcm")
    data = (tmp_path / "deep.dcm").read_bytes()
    item = bytes.fromhex("0800 1511 5351 0000 ffffffff feff00e0 ffffffff".replace(" ", ""))
    (tmp_path / "deeper.dcm").write_bytes(data[:-200] + item * 3000)
    study = read_study(tmp_path)
    assert len(study.volumes) + len(study.ignored) + len(study.refused) >= 1


def test_a_flood_of_empty_items_is_refused_soon(tmp_path: Path):
    SMALL.write(tmp_path)
    whole = next(tmp_path.glob("*.dcm")).read_bytes()
    head = whole[: whole.index(bytes.fromhex("e07f1000"))]
    sequence, item = bytes.fromhex("0800151153510000ffffffff"), bytes.fromhex("feff00e000000000")
    (tmp_path / "flood.dcm").write_bytes(head + sequence + item * 20_000)
    (tmp_path / "whole.dcm").write_bytes(head + sequence + item * 20_000 + bytes.fromhex("feffdde000000000"))
    study = read_study(tmp_path, Limits(max_elements=10_000))
    assert len(study.volumes) == 1
    assert [file.code for file in study.ignored] == ["MALFORMED_HEADER"] * 2
    unlimited = read_study(tmp_path / "whole.dcm", Limits(max_elements=1_000_000))
    assert not unlimited.ignored  # so it was the limit


@pytest.mark.parametrize("text", ["Phantom^One", "ct", "\x1b[31mCT", "CT" * 20, "C\u00e9"])
def test_a_modality_that_is_no_code_string_is_not_told(tmp_path: Path, text):
    SMALL.write(tmp_path, lambda k, d: setattr(d, "Modality", text))
    study = read_study(tmp_path)
    assert {series.dicom_modality for series in study.refused} == {""}
    assert [problem.code for problem in study.problems] == ["UNSUPPORTED_SOP_CLASS"]


def test_a_deflated_file_is_held_in_memory_once(tmp_path: Path):
    unfolded = 12 << 20

    def edit(k: int, d: Dataset) -> None:
        d.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        d.PixelData = bytes(unfolded)

    d = SMALL.slices(edit)[0]
    save(d, tmp_path / "deflated.dcm")
    del d
    inflated(tmp_path / "deflated.dcm", Limits())
    tracemalloc.start()
    try:
        data = inflated(tmp_path / "deflated.dcm", Limits())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) > unfolded
    assert peak < 1.5 * unfolded


def test_long_values_are_not_remembered(tmp_path: Path):
    for k in range(100):
        d = SMALL.slices()[0]
        d.SOPInstanceUID = f"1.2.3.{k}"
        save(d, tmp_path / f"{k}.dcm")
        spacing = f"2.{k:03}\\2.0".encode().ljust(33_000)
        frame_type = f"ORIGINAL\\PRIMARY\\AXIAL\\{k}".encode().ljust(33_000, b"A")
        for tag, vr, value in ((b"\x28\0\x30\0", b"DS", spacing), (b"\x08\0\x08\0", b"CS", frame_type)):
            replace_element(tmp_path / f"{k}.dcm", tag, vr, value)
    read_study(tmp_path / "0.dcm")
    tracemalloc.start()
    try:
        study = read_study(tmp_path)
        found = [series.problems[0].code for series in study.refused]
        del study
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == ["MIXED_SPACING"]
    assert kept < 2_000_000  # of 6.6 MB of values


def replace_element(path: Path, tag: bytes, vr: bytes, value: bytes) -> None:
    """Put an element in place of that of the same tag and value representation."""
    data = path.read_bytes()
    at = data.index(tag + vr)
    rest = data[at + 8 + int.from_bytes(data[at + 6 : at + 8], "little") :]
    path.write_bytes(data[:at] + tag + vr + len(value).to_bytes(2, "little") + value + rest)


def test_an_image_type_of_sixty_megabytes_is_refused_and_not_kept(tmp_path: Path):
    d = SMALL.slices()[0]
    del d.ImageType
    save(d, tmp_path / "small.dcm")
    data = (tmp_path / "small.dcm").read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    size = 60 << 20
    text = b"\x08\0\x08\0UT\0\0" + size.to_bytes(4, "little") + b"A" * size
    (tmp_path / "small.dcm").write_bytes(data[:start] + text + data[start:])
    del text
    tracemalloc.start()
    try:
        study = read_study(tmp_path)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [file.code for file in study.ignored] == ["MALFORMED_HEADER"]
    assert kept < 1_000_000


def test_frames_that_have_no_pixels_are_refused_before_each_is_looked_at(tmp_path: Path):
    d = SMALL.slices()[0]
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    d.NumberOfFrames = 10_000
    del d.PixelData
    items = bytes.fromhex("feff00e000000000") * 10_000
    groups = bytes.fromhex("005230925351 0000".replace(" ", "")) + len(items).to_bytes(4, "little") + items
    pixels = bytes.fromhex("e07f10004f57000040000000") + bytes(64)
    for k in range(2):
        d.SOPInstanceUID, path = f"1.2.3.{k}", tmp_path / f"{k}.dcm"
        save(d, path)
        path.write_bytes(path.read_bytes() + groups + pixels * (k % 2))
    for name, codes in (("0.dcm", {"NO_PIXELS"}), ("1.dcm", {"TRUNCATED_PIXELS"})):
        begun = time.process_time()
        study = read_study(tmp_path / name)
        assert time.process_time() - begun < 0.3
        assert {problem.code for problem in study.problems} == codes
    assert {problem.code for problem in read_study(tmp_path).problems} == {"TOO_MANY_FRAMES"}


def test_file_meta_of_a_million_elements_is_refused_soon(tmp_path: Path, files):
    data = files["slice"]
    empty = b"".join(b"\2\0" + (0x200 + k % 30_000).to_bytes(2, "little") + b"SH\0\0" for k in range(30_000))
    (tmp_path / "meta.dcm").write_bytes(data[:132] + b"\2\0\1\1ZZ\0\0" + empty * 34 + data[144:])
    begun = time.process_time()
    study = read_study(tmp_path)
    assert time.process_time() - begun < 1
    assert [file.code for file in study.ignored] == ["MALFORMED_HEADER"]


@pytest.mark.parametrize("frames", [1, 40])
def test_a_flood_of_empty_fragments_is_refused_soon(tmp_path: Path, frames):
    series = Series((frames, 18, 14), intercepts=(-8192.0,))
    d = multiframe(series.datasets(), "CT") if frames > 1 else series.datasets()[0]
    d.file_meta.TransferSyntaxUID = JPEGLSLossless
    del d.PixelData
    save(d, tmp_path / "flood.dcm")
    item = bytes.fromhex("feff00e0")
    streams = [jpeg_ls(series.stored(k)) for k in range(frames)]
    streams = [item + (len(s) + len(s) % 2).to_bytes(4, "little") + s + b"\0" * (len(s) % 2) for s in streams]
    empty = (item + bytes(4)) * (900_000 // frames)
    pixels = bytes.fromhex("e07f10004f420000ffffffff") + item + bytes(4)
    whole = pixels + b"".join(stream + empty for stream in streams) + bytes.fromhex("feffdde000000000")
    path = tmp_path / "flood.dcm"
    path.write_bytes(path.read_bytes() + whole)
    begun = time.monotonic()
    study = read_study(tmp_path)
    assert time.monotonic() - begun < 5
    assert [problem.code for problem in study.problems] == ["UNDECODABLE_PIXELS"]
