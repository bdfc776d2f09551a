"""Every file of pydicom's collections of awkward files is read rightly, or refused by name."""

from pathlib import Path

import data_store
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_files

from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.dicom.reasons import CODES


def _files() -> list[Path]:
    collection = (path for path in Path(data_store.__file__).parent.rglob("*") if path.is_file())
    bundled = (path for name in get_testdata_files("*") if (path := Path(name)).is_file())
    return sorted(path for path in (*collection, *bundled) if path.suffix not in (".py", ".pyc"))


FILES = _files()
MUST_BE_READ = {
    "CT_small", "693_J2KR", "693_J2KI", "693_UNCR", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb",
    "MR_small_implicit", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR2_J2KR", "MR2_J2KI", "MR2_UNCR",
    "J2K_pixelrep_mismatch",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_read_as_pydicom_reads_it_or_refused_by_name(path: Path):
    study = read_study(path)
    assert len(study.volumes) + len(study.refused) + len(study.ignored) + len(study.segmentations) == 1
    assert all(problem.code in CODES and problem.blocks for refused in study.refused for problem in refused.problems)
    assert bool(study.volumes) >= (path.stem in MUST_BE_READ)
    for volume in study.volumes:
        d = pydicom.dcmread(path)
        expected = d.pixel_array * float(d.get("RescaleSlope", 1)) + float(d.get("RescaleIntercept", 0))
        if "PixelPaddingValue" in d and (d.pixel_array == d.PixelPaddingValue).any():
            assert "PADDING_AS_AIR" in {problem.code for problem in volume.problems}
            expected = np.where(d.pixel_array == d.PixelPaddingValue, -1024, expected)
        assert np.allclose(volume.array[0], expected)


def test_the_collections_are_there():
    assert len(FILES) > 120
