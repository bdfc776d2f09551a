"""What a decoder is asked, under which limits, and the few bytes that stand before each of its answers.

Parent and child share this file; it imports no pydicom, so that a child starts in a tenth of a second.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct

RLE = frozenset({"1.2.840.10008.1.2.5"})
NATIVE_FRAGMENTS = frozenset({"1.2.840.10008.1.2.1.98"})
"""Encapsulated Uncompressed Explicit VR Little Endian."""
JPEG_LOSSY = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
JPEG_LOSSLESS = frozenset({"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})
JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
HTJ2K = frozenset({"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"})
SYNTAXES = RLE | NATIVE_FRAGMENTS | JPEG_LOSSY | JPEG_LOSSLESS | JPEG_LS | JPEG_2000 | HTJ2K
"""UIDs of the transfer syntaxes that decode (PS3.6 Annex A)."""
ALWAYS_LOSSY = JPEG_LOSSY | {"1.2.840.10008.1.2.4.81"}
MAY_BE_LOSSY = ALWAYS_LOSSY | {"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}
"""The last two lose or do not; Lossy Image Compression says which."""

LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (80, 90, 201, 202))
"""Syntaxes of codecs that can lose as well, under which nothing may be lost."""

ANSWER = Struct("<BQ")
"""Before each frame: an index into ``STATUSES`` and the number of bytes that follow."""
STATUSES = (
    "",
    "UNDECODABLE_PIXELS",
    "TRUNCATED_PIXELS",
    "EXCESS_PIXELS",
    "PIXEL_FORMAT_DIFFERS",
    "NO_PIXELS",
    "UNREADABLE",
    "DECODER_OUT_OF_MEMORY",
)
"""All that a child may say: done, or why not."""


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """Upper bounds for decoding; whatever lies above is refused by name."""

    memory_bytes: int = 1 << 30
    """Address space of one child, its 100 MiB of libraries included."""
    frame_time_s: float = 10.0
    job_time_s: float = 300.0
    start_time_s: float = 30.0
    """For a child to be ready; a tenth of a second on an idle machine."""
    idle_s: float = 30.0
    """After that long without work a child is ended."""
    children: int = min(2, os.cpu_count() or 1)
    max_inflated_bytes: int = 400 << 20
    """Held in memory as a whole, beside the file's own bytes: together less than 1 GB."""
    max_inflation: int = 100
    """A deflated file unfolds to at most this many times its size, or to 16 MiB."""


@dataclass(frozen=True, slots=True)
class Job:
    """Frames of one file, one sample a pixel, that are to be decoded.

    ``offset`` is that of the first byte behind the header of the Pixel Data element, where the item of the Basic
    Offset Table starts (PS3.5 A.4). ``frames`` counts from 0.
    """

    path: Path = field(repr=False)
    offset: int
    transfer_syntax_uid: str
    frames: tuple[int, ...]
    number_of_frames: int
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.bits_allocated // 8

    def is_sound(self) -> bool:
        """Whether a decoder can be asked at all."""
        return (
            self.transfer_syntax_uid in SYNTAXES
            and self.bits_allocated in (8, 16)
            and 1 <= self.bits_stored <= self.bits_allocated
            and 1 <= self.rows <= 65535
            and 1 <= self.columns <= 65535
            and self.offset >= 0
            and all(0 <= frame < self.number_of_frames for frame in self.frames)
        )
