"""Ways to damage compressed pixels and deflated files: headers that promise giants, fragments that lie, bombs."""

from __future__ import annotations

import zlib
from functools import cache

from pydicom import uid as uids

from fuzz.anatomy import ITEM, Anatomy, Edit, Place
from fuzz.mutations import UNITS, Mutator, Random, pick, set_value

GIANTS = (0, 1, 255, 4096, 32768, 60000, 65535)
_SOF = tuple(bytes([0xFF, kind]) for kind in (0xC0, 0xC1, 0xC2, 0xC3, 0xF7))
_MARKERS = (b"\xff\x51", b"\xff\x52", b"\xff\x53", b"\xff\x5c", b"\xff\x90", b"\xff\xc4", b"\xff\xda", b"\xff\xdb")
_MARKERS += (b"\xff\xdd", b"\xff\xf8", b"\xff\xd9", b"\xff\x93", b"\xff\x50", b"\xff\x64")


def _stream(random: Random, a: Anatomy) -> Place | None:
    """A fragment that holds pixels."""
    items = [p for p in a.fragments()[1:] if p.end > p.value]
    return items[pick(random, items)] if items else None


def giant_size(random: Random, a: Anatomy) -> list[Edit]:
    """Rows, columns, precision or components of the codestream's own header."""
    p = _stream(random, a)
    if p is None:
        return []
    data = a.data[p.value : p.end]
    if data[:4] == b"\xff\x4f\xff\x51":
        return _giant_jpeg_2000(random, p)
    at = min((i for marker in _SOF if (i := data.find(marker)) >= 0), default=-1)
    if at < 0:
        return []
    new = [(5, GIANTS[pick(random, GIANTS)], 2), (7, GIANTS[pick(random, GIANTS)], 2)]
    new += [(4, UNITS[pick(random, UNITS)] % 256, 1), (9, int(random.integers(256)), 1)][: int(random.integers(3))]
    return [Edit(p.value + at + i, p.value + at + i + size, v.to_bytes(size, "big")) for i, v, size in new]


def _giant_jpeg_2000(random: Random, p: Place) -> list[Edit]:
    """SIZ (ITU-T T.800 A.5.1): eight 32-bit sizes of image and tiles, then the number of components."""
    fields = {int(random.integers(8)) for _ in range(random.integers(1, 4))}
    values = (0, 1, 7, 65535, 0x7FFFFFFF, 0xFFFFFFFF, int(random.integers(1 << 31)))
    edits = [
        Edit(p.value + 8 + 4 * f, p.value + 12 + 4 * f, values[pick(random, values)].to_bytes(4, "big")) for f in fields
    ]
    if random.random() < 0.3:
        edits.append(Edit(p.value + 40, p.value + 42, int(random.integers(1 << 14)).to_bytes(2, "big")))
    return edits


def damage_marker(random: Random, a: Anatomy) -> list[Edit]:
    """A few bytes behind a marker of the codestream: coding style, quantization, tables, tile-parts, restarts."""
    p = _stream(random, a)
    if p is None:
        return []
    data = a.data[p.value : p.end]
    spots = [i for marker in _MARKERS if (i := data.find(marker)) >= 0]
    if not spots:
        return []
    at = p.value + spots[pick(random, spots)] + int(random.integers(16))
    return [Edit(at, min(at + 2, p.end), random.bytes(2)[: p.end - at])] if at < p.end else []


def damage_rle(random: Random, a: Anatomy) -> list[Edit]:
    """The sixteen numbers that an RLE frame begins with, be it one or not."""
    p = _stream(random, a)
    if p is None or p.end - p.value < 64:
        return []
    values = (0, 1, 2, 3, 15, 16, 63, 64, 65, p.end - p.value, p.end, 0x7FFFFFFF, 0xFFFFFFFF)
    at = p.value + 4 * int(random.integers(4))
    return [Edit(at, at + 4, values[pick(random, values)].to_bytes(4, "little"))]


def damage_fragments(random: Random, a: Anatomy) -> list[Edit]:
    """Fragments missing, twice, overlapping, empty, cut in two; the end forgotten."""
    items = a.fragments()
    if not items:
        return []
    p = items[pick(random, items)]
    middle, head = p.value + (p.end - p.value) // 4 * 2, (ITEM >> 16).to_bytes(2, "little") + b"\0\xe0"
    choices = (
        [Edit(p.start, p.end, b"")],
        [Edit(p.start, p.start, a.data[p.start : p.end])],
        [Edit(p.length_at, p.value, (p.end - p.value + int(random.integers(1, 400))).to_bytes(4, "little"))],
        [Edit(p.length_at, p.value, (int(random.integers(max(1, p.end - p.value)))).to_bytes(4, "little"))],
        [Edit(p.length_at, p.value, b"\xff" * 4)],
        [Edit(p.end, p.end, (head + bytes(4)) * int(random.choice([1, 3, 5000])))],
        [Edit(p.start, len(a.data), b"")],
        [Edit(items[-1].end, len(a.data), b"")],
        [
            Edit(p.length_at, p.value, (middle - p.value).to_bytes(4, "little")),
            Edit(middle, middle, head + (p.end - middle).to_bytes(4, "little")),
        ],
    )
    return choices[pick(random, choices)]


def garbage_offsets(random: Random, a: Anatomy) -> list[Edit]:
    """The Basic Offset Table."""
    items = a.fragments()
    if not items:
        return []
    table = random.bytes(4 * int(random.integers(0, 20))) if random.random() < 0.7 else bytes(4 * len(items))
    return [Edit(items[0].length_at, items[0].end, len(table).to_bytes(4, "little") + table)]


def other_stream(random: Random, a: Anatomy) -> list[Edit]:
    """Noise, nothing, or a run of one byte in place of the codestream."""
    p = _stream(random, a)
    if p is None:
        return []
    size = (p.end - p.value) & ~1
    choices = (random.bytes(size), bytes(size), b"\x81\0" * (size // 2), b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51", b"")
    new = choices[pick(random, choices)]
    return [Edit(p.length_at, p.end, len(new).to_bytes(4, "little") + new)]


STREAM_MUTATORS: tuple[Mutator, ...] = (
    giant_size, giant_size, damage_marker, damage_marker, damage_rle, damage_fragments, damage_fragments,
    garbage_offsets, other_stream,
)  # fmt: skip


def deflated(data: bytes, body: int) -> bytes:
    """The data set behind ``body`` deflated again."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return data[:body] + packer.compress(data[body:]) + packer.flush()


@cache
def _zeros() -> bytes:
    """One MiB of zeros, deflated so that it may stand any number of times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)


def bomb(random: Random, a: Anatomy) -> bytes:
    """The file, deflated, with 20 MB to 4 GB of zeros behind its elements, in its pixels, or before everything."""
    p = a.find(0x00020010)
    if p is None:
        return a.data
    edits = sorted(set_value(a, p, uids.DeflatedExplicitVRLittleEndian.encode() + b"\0"), key=lambda e: -e.start)
    meta = a.data[: a.body]
    for edit in edits:
        meta = meta[: edit.start] + edit.new + meta[edit.end :]
    mib = int(10 ** random.uniform(1.3, 3.6))
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    ballast = (
        random.bytes(int(10 ** random.uniform(1, 6.3))) if random.random() < 0.4 else b""
    )  # against the ratio limit
    start = packer.compress(a.data[a.body :] + ballast) + packer.flush(zlib.Z_FULL_FLUSH)
    if random.random() < 0.3:
        start = b""
    return meta + start + _zeros() * mib + (b"\3\0" if random.random() < 0.7 else b"")
