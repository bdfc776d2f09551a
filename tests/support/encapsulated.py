"""Encapsulated pixel data for the tests of decoding: frames → the items of a file, and the job that asks for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import imagecodecs
import jpeg_ls
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import RLELossless

from tumorcast_imaging.dicom.decoding import Job

LEAD = b"whatever stands before the pixels"
RLE, NATIVE = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98"
BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS, LOSSLESS_FIRST_ORDER = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_LS_NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
J2K_LOSSLESS, J2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K = (f"1.2.840.10008.1.2.4.20{i}" for i in (1, 2, 3))
NEAR = 3
"""Error that the near-lossless frames may have."""
Stored = NDArray[np.integer]


def stored_values(bits: int, *, signed: bool, shape: tuple[int, int] = (37, 50), seed: int = 0) -> Stored:
    """A smooth bump with noise that reaches both ends of the stored range."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    bump = np.hypot((y - shape[0] / 2) / shape[0], (x - shape[1] / 2) / shape[1])
    noise = np.random.default_rng(seed).normal(0, 0.01, shape)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    values = np.round(low + (bump / bump.max() + noise).clip(0, 1) * (high - low))
    values.flat[0], values.flat[-1] = low, high
    return values.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def words_of(values: Stored, bits: int) -> NDArray[np.unsignedinteger]:
    """The stored bits alone, as unsigned numbers."""
    return values.view(f"u{values.itemsize}") & ((1 << bits) - 1)


def encode(values: Stored, syntax: str, bits: int) -> bytes:
    """One frame's codestream, by encoders other than the decoders under test where there are such."""
    pattern = np.ascontiguousarray(words_of(values, bits))
    rows, columns = values.shape
    if syntax == RLE:
        allocated = {"bits_allocated": 8 * values.itemsize, "bits_stored": 8 * values.itemsize}
        return get_encoder(RLELossless).encode(
            values.tobytes(), rows=rows, columns=columns, number_of_frames=1, samples_per_pixel=1,
            photometric_interpretation="MONOCHROME2", pixel_representation=int(values.dtype.kind == "i"), **allocated,
        )  # fmt: skip
    if syntax == NATIVE:
        return values.tobytes()
    if syntax in (JPEG_LS, JPEG_LS_NEAR):
        error = NEAR if syntax == JPEG_LS_NEAR else 0
        return bytes(
            jpeg_ls.encode_pixel_data(
                pattern.tobytes(), columns=columns, rows=rows, samples_per_pixel=1, lossy_error=error,
                bits_allocated=8 * values.itemsize, bits_stored=bits, planar_configuration=0,
            )
        )  # fmt: skip
    if syntax in (LOSSLESS, LOSSLESS_FIRST_ORDER):
        predictor = 1 if syntax == LOSSLESS_FIRST_ORDER else 6
        return imagecodecs.jpeg8_encode(pattern, lossless=True, predictor=predictor, bitspersample=bits)
    if syntax in (BASELINE, EXTENDED):
        return imagecodecs.jpeg8_encode(pattern, 98, bitspersample=8 if syntax == BASELINE else 12)
    if syntax in (J2K_LOSSLESS, J2K):
        lossy = {} if syntax == J2K else {"reversible": True}
        level = 0 if syntax == J2K_LOSSLESS else 60
        return imagecodecs.jpeg2k_encode(values, level, codecformat="J2K", bitspersample=bits, **lossy)
    return _htj2k(values, bits, tlm=syntax == HTJ2K_RPCL)


def _htj2k(values: Stored, bits: int, *, tlm: bool) -> bytes:
    """imagecodecs writes 8 or 16 bits only: signed 16 without the level shift, then with the precision put right."""
    if bits in (8, 16):
        return imagecodecs.htj2k_encode(values, tlm=tlm)
    signed = values.dtype.kind == "i"
    leveled = values.astype(np.int16) - (0 if signed else 1 << (bits - 1))
    stream = bytearray(imagecodecs.htj2k_encode(leveled, tlm=tlm))
    assert stream[42] == 0x8F  # Ssiz (ITU-T T.800 A.5.1): signed, 16 bits
    stream[42] = (0x80 if signed else 0) | (bits - 1)
    return bytes(stream)


def write_job(
    path: Path,
    frames: Sequence[bytes],
    like: Stored,
    syntax: str,
    bits: int,
    *,
    fragments: int = 1,
    table: bool = True,
) -> Job:
    """Write the frames as encapsulated pixel data and say how to read all of them."""
    items = encapsulate(list(frames), fragments_per_frame=fragments, has_bot=table)
    path.write_bytes(LEAD + items + bytes.fromhex("feffdde000000000"))
    return Job(
        path=path,
        offset=len(LEAD),
        transfer_syntax_uid=syntax,
        frames=tuple(range(len(frames))),
        number_of_frames=len(frames),
        rows=like.shape[0],
        columns=like.shape[1],
        bits_allocated=8 * like.itemsize,
        bits_stored=bits,
        signed=like.dtype.kind == "i",
    )


def job_of(path: Path) -> Job:
    """The job for a whole DICOM file."""
    d, data = pydicom.dcmread(path, stop_before_pixels=True), path.read_bytes()
    pixels = rb"\xe0\x7f\x10\x00O[BW]\0\0\xff\xff\xff\xff"
    frames = int(d.get("NumberOfFrames") or 1)
    return Job(
        path=path,
        offset=max(match.end() for match in re.finditer(pixels, data)),
        transfer_syntax_uid=str(d.file_meta.TransferSyntaxUID),
        frames=tuple(range(frames)),
        number_of_frames=frames,
        rows=d.Rows,
        columns=d.Columns,
        bits_allocated=d.BitsAllocated,
        bits_stored=d.BitsStored,
        signed=bool(d.PixelRepresentation),
    )


def stored_of(words: NDArray[np.unsignedinteger], job: Job) -> Stored:
    """Words as the gate reads them: masked to the stored bits, sign extended."""
    unused = job.bits_allocated - job.bits_stored
    values = words.view(f"i{words.itemsize}") if job.signed else words
    return (values << unused) >> unused


def with_format(job: Job, **changes: int | bool | str) -> Job:
    """The same file under another header."""
    return replace(job, **changes)
