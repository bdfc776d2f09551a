"""Ways to damage a file: blindly, and where it hurts. Each gives edits, so that it is known what was touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydicom import uid as uids

from fuzz.anatomy import ITEM, ITEM_END, LONG_VRS, PIXEL_DATA, SEQUENCE_END, SHORT_VRS, UNDEFINED, Anatomy, Edit, Place

Random = np.random.Generator
Mutator = Callable[[Random, Anatomy], list[Edit]]
NUMBERS = (
    "", "0", "-0", "-1", "1", "2", "0.5", "1e308", "-1e308", "1e400", "1e-320", "NaN", "nan", "inf", "-Infinity",
    "1_000", "0x10", "１２", "1.2.3", "--1", "1e", "+", ".", " ", "4294967296", "99999999999999999999", "1\\2",
    "1\\2\\3", "1\\0\\0\\0\\1\\0", "0\\0\\0\\0\\0\\0", "1e308\\1e308", "\\", "\\\\\\\\", "1," + "0" * 30, "9" * 400,
    "1\\" * 4000 + "1",
)  # fmt: skip
UIDS = (
    "", "1", ".", "1..2", "1.2.", "../../etc/passwd", "1.2/3", "1.2\n3", "1.2\x003", "1.2.3 ", " 1.2.3",
    "1." * 31 + "1", "1." * 40 + "1", "９.９", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.3.10", "\x1b[31m1.2",
    "CON", "-", "1.2\\3.4",
)  # fmt: skip
TEXTS = (
    "",
    " ",
    "\0",
    "A" * 5000,
    "\x1b$B\x1b(B",
    "\xff\xfe\xfd",
    "ORIGINAL\\PRIMARY\\LOCALIZER",
    "LOCALIZER",
    "RGB",
    "MR",
)
CHARSETS = (
    "ISO_IR 192",
    "ISO_IR 13",
    "ISO 2022 IR 87",
    "\\ISO 2022 IR 149",
    "GB18030",
    "utf-7",
    "idna",
    "zlib",
    "\0",
    "X\\" * 99,
)
UNITS = (0, 1, 2, 3, 7, 8, 9, 12, 13, 15, 16, 17, 24, 32, 64, 255, 256, 512, 32767, 32768, 65534, 65535)
LENGTHS = (0, 1, 3, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, UNDEFINED)
SYNTAXES = tuple(u for u in uids.UID_dictionary if uids.UID_dictionary[u][1] == "Transfer Syntax")
GEOMETRY_AND_FORMAT = (
    0x00280010, 0x00280011, 0x00280008, 0x00280002, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280004,
    0x00280030, 0x00200032, 0x00200037, 0x00281052, 0x00281053, 0x00280120, 0x00280121, 0x00180050,
)  # fmt: skip


def pick(random: Random, choices: Sequence[object]) -> int:
    return int(random.integers(len(choices)))


def _some(random: Random, choices: Sequence[Place]) -> list[Place]:
    return [choices[pick(random, choices)]] if choices else []


def _spot(random: Random, a: Anatomy) -> int:
    """Anywhere, but twice as often in the header."""
    pixels = a.find(PIXEL_DATA)
    header = pixels.value if pixels and random.random() < 0.67 else len(a.data)
    return int(random.integers(max(1, header)))


def flip_bits(random: Random, a: Anatomy) -> list[Edit]:
    spots = {_spot(random, a) for _ in range(random.integers(1, 9))}
    return [Edit(i, i + 1, bytes([a.data[i] ^ (1 << int(random.integers(8)))])) for i in spots if i < len(a.data)]


def overwrite_run(random: Random, a: Anatomy) -> list[Edit]:
    at, count = _spot(random, a), int(2 ** random.uniform(0, 10))
    fills = (random.bytes(count), bytes(count), b"\xff" * count, b" " * count, b"\\" * count)
    return [Edit(at, min(at + count, len(a.data)), fills[pick(random, fills)][: len(a.data) - at])]


def insert_bytes(random: Random, a: Anatomy) -> list[Edit]:
    at = _spot(random, a)
    return [Edit(at, at, random.bytes(int(2 ** random.uniform(0, 10))))]


def delete_bytes(random: Random, a: Anatomy) -> list[Edit]:
    at = _spot(random, a)
    return [Edit(at, min(len(a.data), at + int(2 ** random.uniform(0, 10))), b"")]


def truncate(random: Random, a: Anatomy) -> list[Edit]:
    return [Edit(_spot(random, a), len(a.data), b"")]


def append_junk(random: Random, a: Anatomy) -> list[Edit]:
    junk = random.bytes(int(2 ** random.uniform(0, 14)))
    return [Edit(len(a.data), len(a.data), junk if random.random() < 0.5 else bytes(len(junk)))]


def change_length(random: Random, a: Anatomy) -> list[Edit]:
    edits = []
    for p in _some(random, a.places):
        size, now = p.length_bytes, p.end - p.value
        choices = (*LENGTHS, now + 1, now - 1, now + 2, now * 2, len(a.data) - p.value, len(a.data))
        edits.append(Edit(p.length_at, p.length_at + size, a.number(choices[pick(random, choices)], size)))
    return edits


def change_vr(random: Random, a: Anatomy) -> list[Edit]:
    vrs = (*LONG_VRS, *SHORT_VRS, b"\0\0", b"ZZ", b"us", b"??")
    return [
        Edit(p.start + 4, p.start + 6, vrs[pick(random, vrs)]) for p in _some(random, [p for p in a.places if p.vr])
    ]


def change_tag(random: Random, a: Anatomy) -> list[Edit]:
    others = (*(p.tag for p in a.places), ITEM, ITEM_END, SEQUENCE_END, PIXEL_DATA, 0, int(random.integers(1 << 32)))
    tag = others[pick(random, others)]
    return [Edit(p.start, p.start + 4, a.number(tag >> 16, 2) + a.number(tag, 2)) for p in _some(random, a.places)]


def swap_elements(random: Random, a: Anatomy) -> list[Edit]:
    one, two = sorted((a.places[pick(random, a.places)] for _ in range(2)), key=lambda p: p.start)
    if one.end > two.start:
        return []
    return [
        Edit(one.start, one.end, a.data[two.start : two.end]),
        Edit(two.start, two.end, a.data[one.start : one.end]),
    ]


def duplicate_element(random: Random, a: Anatomy) -> list[Edit]:
    edits = []
    for p in _some(random, a.places):
        at = p.end if random.random() < 0.5 else a.places[pick(random, a.places)].start
        edits.append(Edit(at, at, a.data[p.start : p.end] * int(random.choice([1, 1, 2, 50]))))
    return edits


def delete_element(random: Random, a: Anatomy) -> list[Edit]:
    return [Edit(p.start, p.end, b"") for p in _some(random, a.places)]


def set_value(a: Anatomy, p: Place, text: bytes) -> list[Edit]:
    """Another value in the place of ``p``, well formed as far as its length field can say."""
    value = text + b" " * (len(text) % 2)
    value = value[: 0xFFFE if p.length_bytes == 2 else None]
    meta = p.start < a.body
    length = len(value).to_bytes(p.length_bytes, "little") if meta else a.number(len(value), p.length_bytes)
    return [Edit(p.length_at, p.length_at + p.length_bytes, length), Edit(p.value, p.end, value)]


def nasty_number(random: Random, a: Anatomy) -> list[Edit]:
    """DS and IS, or what implicit VR may hold of them, and by preference those that place and scale the pixels."""
    text = [p for p in a.leaves() if p.vr in (b"DS", b"IS", b"") and p.end - p.value < 100]
    wanted = [p for p in text if p.tag in GEOMETRY_AND_FORMAT] if random.random() < 0.7 else text
    return [e for p in _some(random, wanted) for e in set_value(a, p, NUMBERS[pick(random, NUMBERS)].encode())]


def nasty_format(random: Random, a: Anatomy) -> list[Edit]:
    """US: Rows, Columns, bits, samples, padding."""
    some = [p for p in a.leaves() if p.tag >> 16 == 0x0028 and p.vr in (b"US", b"SS", b"") and p.end - p.value == 2]
    edits = []
    for p in _some(random, some):
        now = int.from_bytes(a.data[p.value : p.end], "big" if a.big_endian else "little")
        choices = (*UNITS, now + 1, now - 1, now * 2, now // 2, int(random.integers(1 << 16)))
        edits.append(Edit(p.value, p.end, a.number(choices[pick(random, choices)], 2)))
    return edits


def nasty_frames(random: Random, a: Anatomy) -> list[Edit]:
    p, text = a.find(0x00280008), NUMBERS[pick(random, NUMBERS)].encode()
    if p:
        return set_value(a, p, text)
    rows = a.find(0x00280010)
    return [Edit(rows.start, rows.start, a.element(0x00280008, b"IS", text + b" " * (len(text) % 2)))] if rows else []


def nasty_uid(random: Random, a: Anatomy) -> list[Edit]:
    some = [
        p for p in a.leaves() if p.vr == b"UI" or p.tag in (0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00200052)
    ]
    return [e for p in _some(random, some) for e in set_value(a, p, UIDS[pick(random, UIDS)].encode())]


def nasty_text(random: Random, a: Anatomy) -> list[Edit]:
    some = [p for p in a.leaves() if p.vr in (b"CS", b"LO", b"PN", b"DA", b"TM", b"DT", b"SH", b"")]
    return [e for p in _some(random, some) for e in set_value(a, p, TEXTS[pick(random, TEXTS)].encode("latin-1"))]


def nasty_charset(random: Random, a: Anatomy) -> list[Edit]:
    name, patient = CHARSETS[pick(random, CHARSETS)].encode(), a.find(0x00100010)
    edits = set_value(a, patient, random.bytes(12)) if patient else []
    first = next((p for p in a.places if p.start >= a.body), None)
    if first:
        edits.append(Edit(first.start, first.start, a.element(0x00080005, b"CS", name + b" " * (len(name) % 2))))
    return edits


def other_syntax(random: Random, a: Anatomy) -> list[Edit]:
    p, names = a.find(0x00020010), (*SYNTAXES, "1.2.3", "", "1.2.840.10008.1.2.4")
    name = names[pick(random, names)].encode()
    return set_value(a, p, name + b"\0" * (len(name) % 2)) if p else []


def damage_preamble(random: Random, a: Anatomy) -> list[Edit]:
    choices = (
        Edit(0, 132, b""),
        Edit(0, 128, random.bytes(128)),
        Edit(128, 132, random.bytes(4)),
        Edit(128, 132, b""),
        Edit(0, a.body, b""),
        Edit(132, a.body, b""),
        Edit(int(random.integers(132, max(133, a.body))), a.body, b""),
    )
    return [choices[pick(random, choices)]]


def _between(random: Random, a: Anatomy) -> int:
    """The start of an element of the data set."""
    starts = [p.start for p in a.places if p.start >= a.body and p.depth == 0] or [a.body]
    return starts[pick(random, starts)]


def nest_deep(random: Random, a: Anatomy) -> list[Edit]:
    depth = int(10 ** random.uniform(0.5, 4.3))
    open_item = a.number(0xFFFE, 2) + a.number(0xE000, 2) + b"\xff" * 4
    tag = int(random.choice([0x00081115, 0x00089092, 0x00400260, 0x52009230, 0x00540016, 0x00091010]))
    deep = (a.element(tag, b"SQ", b"", UNDEFINED) + open_item) * depth
    if random.random() < 0.6:
        ends = [a.number(0xFFFE, 2) + a.number(e, 2) + bytes(4) for e in (0xE00D, 0xE0DD)]
        deep += b"".join(ends) * depth
    return [Edit(at := _between(random, a), at, deep)]


def widen(random: Random, a: Anatomy) -> list[Edit]:
    """A sequence of very many items, or very many small elements."""
    count, at = int(10 ** random.uniform(1, 5)), _between(random, a)
    if random.random() < 0.5:
        item = a.number(0xFFFE, 2) + a.number(0xE000, 2) + bytes(4)
        tag = int(random.choice([0x00081115, 0x00540016, 0x52009229, 0x52009230]))
        return [Edit(at, at, a.element(tag, b"SQ", item * count))]
    return [Edit(at, at, b"".join(a.element(0x00090000 + k, b"LO", b"") for k in range(min(count, 0xFFFF))))]


def huge_element(random: Random, a: Anatomy) -> list[Edit]:
    at, value = _between(random, a), bytes(int(10 ** random.uniform(4, 7.2)))
    tag = int(random.choice([0x00091010, 0x00100020, 0x00200032, 0x00080005, 0x00204000]))
    return [Edit(at, at, a.element(tag, b"UN" if tag == 0x00091010 else b"UT", value))]


def shuffle_items(random: Random, a: Anatomy) -> list[Edit]:
    """Functional groups, radiopharmaceuticals and other items: one missing, twice, or in another place."""
    items = [p for p in a.places if p.tag == ITEM and p.depth > 0]
    if not items:
        return []
    one, other = items[pick(random, items)], items[pick(random, items)]
    whole = a.data[one.start : one.end]
    choices = (
        [Edit(one.start, one.end, b"")],
        [Edit(one.start, one.start, whole)],
        [Edit(other.start, other.end, whole)],
        [Edit(one.value, one.end, b"")],
        [Edit(one.start, one.end, a.number(0xFFFE, 2) + a.number(0xE000, 2) + bytes(4))],
    )
    return choices[pick(random, choices)]


def damage_meta(random: Random, a: Anatomy) -> list[Edit]:
    some = [p for p in a.places if p.tag >> 16 == 2]
    edits = []
    for p in _some(random, some):
        choices = (Edit(p.start, p.end, b""), Edit(p.value, p.end, random.bytes(p.end - p.value)))
        edits.append(choices[pick(random, choices)])
    return edits


HEADER_MUTATORS: tuple[Mutator, ...] = (
    flip_bits, overwrite_run, insert_bytes, delete_bytes, truncate, append_junk, change_length, change_length,
    change_vr, change_tag, swap_elements, duplicate_element, delete_element, nasty_number, nasty_number, nasty_format,
    nasty_format, nasty_frames, nasty_uid, nasty_text, nasty_charset, other_syntax, damage_preamble, nest_deep,
    shuffle_items, damage_meta,
)  # fmt: skip
COSTLY_MUTATORS: tuple[Mutator, ...] = (widen, huge_element)
