"""A volume as a NIfTI-1 file: lossless, right-side up, and the same bytes each time.

Voxels stand in the order that is nearest to RAS+ (first axis to the patient's right, then to the front, then up), which
is what nibabel calls closest canonical. The affine says the same in any order, but only near RAS+ can the quaternion of
the qform say it exactly: it leaves out its scalar part, which near half a turn from RAS+ (DICOM's own order) is lost
in float32. The header holds no text at all, so no patient data. Fields as in nifti1.h, https://nifti.nimh.nih.gov.
"""

from __future__ import annotations

import filecmp
import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.geometry import TOLERANCE_MM
from tumorcast_imaging.dicom.reasons import issue
from tumorcast_imaging.dicom.volume import Volume

MAX_LENGTH = 32_767
"""The dimensions of NIfTI-1 are 16-bit integers."""
_SLABS = 16
"""Slabs copied at once: what is needed beside the volume itself."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NiftiFile:
    """A file that was written; ``shape`` is in the order of its voxels, near RAS+."""

    name: str
    shape: tuple[int, int, int]
    dtype: str


def write_nifti(volume: Volume, folder: Path, *, compress: bool = True) -> NiftiFile | Issue:
    """Write ``volume`` into ``folder`` under a name made of its UID, or say why not.

    int16 where every value is a whole number and fits, else float32. The file appears whole or not at all; one that
    is there already is left as it is. Raises ``OSError`` where the folder or the disk does not take it.
    """
    voxels, affine = ras(volume)
    if max(voxels.shape) > MAX_LENGTH or (header := _header(voxels.shape, affine)) is None:
        return issue("NIFTI_LIMITS", volume.series_instance_uid)
    dtype = np.dtype("<i2" if _fits_int16(volume.array) else "<f4")
    header.set_data_dtype(dtype)
    path = folder / file_name(volume, compress=compress)
    with _whole(path) as temporary:
        with temporary.open("xb") as raw:
            _fill(raw, header, voxels, dtype, compress=compress)
        if path.exists() and not filecmp.cmp(path, temporary, shallow=False):
            return issue("FILE_EXISTS", volume.series_instance_uid)
    return NiftiFile(path.name, (voxels.shape[0], voxels.shape[1], voxels.shape[2]), dtype.name)


def file_name(volume: Volume, *, compress: bool = True) -> str:
    """Name of the volume's file: the series instance UID, and the number of the part where the series was split."""
    part = f"-{volume.part}" if volume.part else ""
    return f"{volume.series_instance_uid}{part}.nii{'.gz' * compress}"


def ras(volume: Volume) -> tuple[NDArray[np.float32], Floats]:
    """The volume's voxels in the order nearest to RAS+ (a view), and the affine from their indices to RAS mm."""
    lps_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = lps_to_ras @ volume.affine_lps
    orientation = io_orientation(affine)
    voxels: NDArray[np.float32] = apply_orientation(volume.array, orientation)
    return voxels, np.asarray(affine @ inv_ornt_aff(orientation, volume.array.shape), np.float64)


def _fill(raw: BinaryIO, header: Nifti1Header, voxels: NDArray[np.float32], dtype: Any, *, compress: bool) -> None:
    """Write header and voxels, the first axis running fastest; compressed without a date, so always the same."""
    with ExitStack() as zipping:
        out: Any = raw
        if compress:
            out = zipping.enter_context(gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0))
        header.write_to(out)
        for start in range(0, voxels.shape[2], _SLABS):
            out.write(np.ascontiguousarray(voxels[..., start : start + _SLABS].T, dtype).data)
    raw.flush()
    os.fsync(raw.fileno())


def _header(shape: tuple[int, ...], affine: Floats) -> Nifti1Header | None:
    """The header without its data type; ``None`` if even its float32 sform puts voxels elsewhere.

    The sform says the affine as it is. The qform can say turns only; cosines that are not quite perpendicular get the
    nearest one, for ITK (3D Slicer) takes no other, and none if that is half a voxel off anywhere.
    """
    header = Nifti1Header(endianness="<")
    header.set_data_shape(shape)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1, 0)
    header.set_sform(affine, code="scanner")
    header.set_qform(affine, code="scanner")
    if _apart_mm(header.get_qform(), affine, shape) > min(header.get_zooms()) / 2:
        header.set_qform(None, code="unknown")
    return header if _apart_mm(header.get_sform(), affine, shape) <= TOLERANCE_MM else None


def _apart_mm(one: Floats, other: Floats, shape: tuple[int, ...]) -> float:
    """How far apart two affines put the same voxel, at the farthest corner."""
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape), [1])).reshape(4, -1)
    return float(np.linalg.norm((one - other) @ corners, axis=0).max())


def _fits_int16(array: NDArray[np.float32]) -> bool:
    limits = np.iinfo(np.int16)
    return all(
        limits.min <= plane.min() and plane.max() <= limits.max and np.array_equal(plane, np.rint(plane))
        for plane in array
    )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; its file takes the place of ``path`` if all went well and there is none yet."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)  # of a process that was killed and had the same number
    try:
        yield temporary
        if not path.exists():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
