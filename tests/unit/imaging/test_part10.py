"""The strict walk over a file's elements finds what pydicom finds, or says that it does not understand the file."""

from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_files
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from support.dicom_factory import save
from tumorcast_imaging.dicom import dataset, header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS
from tumorcast_imaging.dicom.part10 import Element, Odd, PixelElement, walk, walk_meta
from tumorcast_imaging.dicom.reasons import Refused

WANTED = header.WANTED
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
BUNDLED = sorted(
    path for name in get_testdata_files("*.dcm") if (path := Path(name)).is_file() and path.stat().st_size < 2_000_000
)


def strictly(path: Path):
    """What the walk says of a file, or ``None`` where it does not understand it."""
    with path.open("rb") as file:
        try:
            return header.strict(file, path.stat().st_size, DEFAULT_LIMITS)
        except Refused:
            return None


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_the_walk_finds_the_elements_that_pydicom_finds(path: Path):
    found = strictly(path)
    if found is None:
        pytest.skip("not to the letter: pydicom reads it")
    expected = dataset.read_elements(path, DEFAULT_LIMITS, WANTED)
    assert {t: e.value.strip() for t, e in found.values.items() if t in WANTED and e.vr != b"SQ"} == {
        t: e.value.strip() for t, e in expected.values.items() if t in WANTED and e.vr != b"SQ"
    }
    assert found.pixels == expected.pixels
    assert found.big_endian == expected.big_endian


def test_most_files_are_to_the_letter():
    assert sum(strictly(path) is not None for path in BUNDLED) > 0.8 * len(BUNDLED)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """A data set with sequences of any depth, empty values and private elements."""
    d = Dataset()
    word = st.text("ABC 123", max_size=9)
    for keyword in draw(st.sets(st.sampled_from(["StudyDescription", "PatientID", "PatientName", "StationName"]))):
        setattr(d, keyword, draw(word))
    if draw(st.booleans()):
        d.Rows, d.PixelSpacing = draw(st.integers(0, 65535)), [draw(st.floats(0.1, 9).map(lambda x: round(x, 4)))] * 2
    if draw(st.booleans()):
        d.add_new(0x00091010, "UN", draw(st.binary(max_size=5)) + b"\0" * 3)
    for keyword in draw(st.sets(st.sampled_from(["ReferencedSeriesSequence", "RequestAttributesSequence"]))):
        items = draw(st.lists(st.deferred(datasets), max_size=2))
        for item in items:
            item.is_undefined_length_sequence_item = draw(st.booleans())
        d[keyword] = pydicom.DataElement(keyword, "SQ", Sequence(items))
        d[keyword].is_undefined_length = draw(st.booleans())
    return d


@given(d=datasets(), syntax=st.sampled_from(SYNTAXES))
def test_any_nesting_is_walked_as_pydicom_walks_it(tmp_path_factory, d: Dataset, syntax: str):
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID, d.file_meta.MediaStorageSOPClassUID = syntax, CTImageStorage
    d.SOPClassUID, d.SOPInstanceUID, d.BitsAllocated = CTImageStorage, "1.2.3", 16
    d.PixelData = b"1234"
    d["PixelData"].VR = "OW"
    path = tmp_path_factory.mktemp("walk") / "file.dcm"
    save(d, path)
    found, expected = strictly(path), dataset.read_elements(path, DEFAULT_LIMITS, WANTED)
    assert found is not None
    assert {t: e.value for t, e in found.values.items() if t in WANTED} == {
        t: e.value for t, e in expected.values.items() if t in WANTED
    }
    assert found.pixels == expected.pixels
    assert path.read_bytes()[found.pixels.offset :] == b"1234" if syntax != ExplicitVRBigEndian else b"2143"


@given(data=st.binary(max_size=400), explicit=st.booleans(), big_endian=st.booleans())
def test_any_bytes_are_walked_or_odd_in_bounded_time(data: bytes, explicit: bool, big_endian: bool):
    try:
        found = walk(data, 0, WANTED, explicit=explicit, big_endian=big_endian, max_elements=1000)
    except (Odd, Refused):
        return
    assert set(found.values) <= WANTED
    if found.pixels is not None:
        assert isinstance(found.pixels, PixelElement)
        assert found.pixels.offset <= len(data)


def test_depth_costs_no_stack_and_is_bounded():
    item = bytes.fromhex("08001511ffffffff feff00e0ffffffff".replace(" ", ""))
    with pytest.raises(Odd):
        walk(item * 5000, 0, WANTED, explicit=False, big_endian=False, max_elements=100_000)


def test_more_elements_than_the_limit_are_refused():
    empty = b"".join(tag.to_bytes(2, "little") + b"\x10\0LO\0\0" for tag in range(9, 0x7FE0, 2))
    with pytest.raises(Refused, match="MALFORMED_HEADER"):
        walk(empty, 0, WANTED, explicit=True, big_endian=False, max_elements=1000)


def test_the_meta_ends_where_the_data_set_begins():
    meta = b"\2\0\x10\0UI\4\x001.2\0"
    found, start = walk_meta(bytes(128) + b"DICM" + meta + b"\x08\0\5\0CS\0\0")
    assert found == {0x00020010: Element(b"UI", b"1.2\0")}
    assert start == 132 + len(meta)
