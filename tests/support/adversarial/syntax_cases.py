"""Transfer syntaxes: plain, deflated and compressed, and streams that do not keep their header's promise."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid as uids
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from support.adversarial.case import Case, Truth, both, only, part, sets, sound, truth, unsound
from support.adversarial.phantom import Edit, Field, Series, pixels, write

PLAIN = Series()
TWELVE = Series(bits=(16, 12))
SIGNED = Series(signed=True)
BAD_STREAM = ("UNDECODABLE_PIXELS", "PIXEL_FORMAT_DIFFERS", "TRUNCATED_PIXELS")
UNKNOWN = ("UNSUPPORTED_TRANSFER_SYNTAX",)
Words = NDArray[np.integer]


def rle(words: Words) -> bytes:
    """PS3.5 annex G: one PackBits segment for each byte of a word, the most significant first."""
    little = np.ascontiguousarray(words.astype(words.dtype.newbyteorder("<")))
    planes = little.view(np.uint8).reshape(*words.shape, words.dtype.itemsize)
    segments = [b"".join(_packed(line) for line in planes[..., i]) for i in reversed(range(words.dtype.itemsize))]
    segments = [s + b"\0" * (len(s) % 2) for s in segments]
    starts = np.cumsum([64, *map(len, segments)])[:-1]
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(segments)] = len(segments), starts
    return header.tobytes() + b"".join(segments)


def _packed(line: NDArray[np.uint8]) -> bytes:
    """Runs of three and more as runs, everything else literally."""
    edges = np.flatnonzero(np.diff(line)) + 1
    out, literal = bytearray(), bytearray()

    def flush() -> None:
        for at in range(0, len(literal), 128):
            piece = literal[at : at + 128]
            out.append(len(piece) - 1)
            out.extend(piece)
        literal.clear()

    for start, end in zip([0, *edges], [*edges, len(line)], strict=True):
        for at in range(start, end, 128):
            count = min(128, end - at)
            if count >= 3:
                flush()
                out.extend((257 - count, line[at]))
            else:
                literal.extend(line[at : at + count].tobytes())
    flush()
    return bytes(out)


def jpeg_ls(words: Words, near: int = 0) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(words.astype(f"u{words.itemsize}"), level=near))


def jpeg_2000(words: Words, level: int = 0) -> bytes:
    """A bare codestream; signed words as signed ones, as the standard asks."""
    import imagecodecs

    return bytes(imagecodecs.jpeg2k_encode(words, level=level, codecformat="j2k", reversible=level == 0))


def high_throughput(words: Words) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(words, reversible=True))


def jpeg_lossless(words: Words) -> bytes:
    """Process 14, predictor 1."""
    import imagecodecs

    return bytes(imagecodecs.ljpeg_encode(words.astype(f"u{words.itemsize}"), bitspersample=8 * words.itemsize))


def compressed(syntax: str, encode: Callable[[Words], bytes], fragments: int = 1) -> Edit:
    def edit(k: int, d: Dataset) -> None:
        stream = encode(pixels(d))
        d.PixelData = encapsulate([stream], fragments_per_frame=fragments, has_bot=fragments == 1)
        d["PixelData"].VR = "OB"
        d.file_meta.TransferSyntaxUID = syntax

    return edit


def _big_endian(k: int, d: Dataset) -> None:
    d.PixelData = pixels(d).byteswap().tobytes()
    d.file_meta.TransferSyntaxUID = uids.ExplicitVRBigEndian


def _deflated(k: int, d: Dataset) -> None:
    d.file_meta.TransferSyntaxUID = uids.DeflatedExplicitVRLittleEndian


def _lossy(k: int, d: Dataset) -> None:
    d.LossyImageCompression, d.LossyImageCompressionRatio = "01", "8"


def _stream(change: Callable[[bytes], bytes]) -> Edit:
    """Another codestream in the first fragment; the offset table says nothing."""

    def edit(k: int, d: Dataset) -> None:
        (stream,) = pydicom.encaps.generate_fragments(d.PixelData[8 + int.from_bytes(d.PixelData[4:8], "little") :])
        d.PixelData = encapsulate([change(stream)], has_bot=False)
        d["PixelData"].VR = "OB"

    return edit


def _of(series: Series, k: int = 4) -> bytes:
    return jpeg_2000(series.stored(k))


def _mislabeled(folder: Path) -> Truth:
    """The meta header says implicit, the data set is explicit."""
    PLAIN.write(folder)
    for path in folder.iterdir():
        data = path.read_bytes()
        explicit, implicit = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"
        path.write_bytes(data.replace(explicit, implicit, 1))
    return truth(fields=(Field(),))


def _unknown(folder: Path) -> Truth:
    """A transfer syntax that no standard knows; the pixels happen to be plain."""
    PLAIN.write(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1))
    return truth(fields=(Field(),))


def _without_meta(folder: Path) -> Truth:
    """Data sets as they go over the network, without preamble and file meta."""
    PLAIN.write(folder, sets())
    for path in folder.iterdir():
        data = path.read_bytes()
        length = int.from_bytes(data[140:144], "little")
        path.write_bytes(data[144 + length :])
    return truth(fields=(Field(),))


def _bomb(folder: Path) -> Truth:
    """One more deflated file that unfolds to 64 MB of nothing."""
    write(PLAIN.datasets(), folder)
    d = Series(first_number=501).datasets(sets(SeriesInstanceUID="1.2.3.4", Rows=None))[0]
    d.file_meta.TransferSyntaxUID = uids.DeflatedExplicitVRLittleEndian
    write([d], folder)
    path = max(folder.iterdir())
    data = path.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(zlib.decompress(data[start:], -zlib.MAX_WBITS) + bytes(64 << 20)) + packer.flush()
    path.write_bytes(data[:start] + body)
    return truth(part(PLAIN))


J2K, JLS = uids.JPEG2000Lossless, uids.JPEGLSLossless
SYNTAXES = (
    sound(
        "implicit little endian",
        PLAIN,
        lambda k, d: setattr(d.file_meta, "TransferSyntaxUID", uids.ImplicitVRLittleEndian),
    ),
    sound("explicit big endian", PLAIN, _big_endian),
    sound("explicit big endian, signed", SIGNED, _big_endian),
    sound(
        "deflated",
        PLAIN,
        lambda k, d: setattr(d.file_meta, "TransferSyntaxUID", uids.DeflatedExplicitVRLittleEndian),
    ),
    sound("RLE", PLAIN, compressed(uids.RLELossless, rle)),
    sound("RLE, signed", SIGNED, compressed(uids.RLELossless, rle)),
    sound("RLE, 8 bits", Series(bits=(8, 8), slopes=(6.0,), intercepts=(-768.0,)), compressed(uids.RLELossless, rle)),
    sound("JPEG 2000", PLAIN, compressed(J2K, jpeg_2000)),
    sound("JPEG 2000, signed", SIGNED, compressed(J2K, jpeg_2000)),
    sound("JPEG 2000 in three fragments", PLAIN, compressed(J2K, jpeg_2000, 3)),
    sound("JPEG-LS", PLAIN, compressed(JLS, jpeg_ls)),
    sound("JPEG-LS of signed words", SIGNED, compressed(JLS, jpeg_ls)),
    sound("JPEG-LS, 12 bits", TWELVE, compressed(JLS, jpeg_ls)),
    sound("JPEG lossless SV1", PLAIN, compressed(uids.JPEGLosslessSV1, jpeg_lossless)),
    sound("JPEG lossless process 14", PLAIN, compressed(uids.JPEGLossless, jpeg_lossless)),
    sound("high-throughput JPEG 2000", PLAIN, compressed(uids.HTJ2KLossless, high_throughput)),
    sound(
        "JPEG 2000, lossy",
        PLAIN,
        both(compressed(uids.JPEG2000, lambda w: jpeg_2000(w, 90)), _lossy),
        extra=8.0,
        codes=("LOSSY_COMPRESSION",),
    ),
    sound(
        "JPEG-LS near lossless",
        PLAIN,
        both(compressed(uids.JPEGLSNearLossless, lambda w: jpeg_ls(w, 3)), _lossy),
        extra=3.0,
        codes=("LOSSY_COMPRESSION",),
    ),
    sound("lossy once, plain now", PLAIN, _lossy, codes=("LOSSY_COMPRESSION",)),
    sound(
        "half of the slices deflated, half compressed",
        PLAIN,
        lambda k, d: compressed(J2K, jpeg_2000)(k, d) if k % 2 else _deflated(k, d),
    ),
    sound("half of the slices compressed", PLAIN, lambda k, d: compressed(J2K, jpeg_2000)(k, d) if k % 2 else None),
)
BROKEN = (
    unsound(
        "codestream of one slice cut off",
        BAD_STREAM,
        PLAIN,
        both(compressed(J2K, jpeg_2000), only(4, _stream(lambda s: s[: len(s) // 2]))),
    ),
    unsound(
        "JPEG-LS stream cut off",
        BAD_STREAM,
        PLAIN,
        both(compressed(JLS, jpeg_ls), only(4, _stream(lambda s: s[: len(s) // 2]))),
    ),
    unsound(
        "RLE segment cut off",
        BAD_STREAM,
        PLAIN,
        both(compressed(uids.RLELossless, rle), only(4, _stream(lambda s: s[: len(s) // 2]))),
    ),
    unsound(
        "codestream with columns and rows swapped",
        BAD_STREAM,
        PLAIN,
        both(compressed(J2K, jpeg_2000), only(4, _stream(lambda s: _of(Series((10, 14, 18)))))),
    ),
    unsound(
        "codestream larger than its header",
        BAD_STREAM,
        PLAIN,
        both(compressed(J2K, jpeg_2000), only(4, _stream(lambda s: _of(Series((10, 36, 28), intercepts=(-4096.0,)))))),
    ),
    unsound(
        "codestream of 8 bits under a header of 16",
        BAD_STREAM,
        PLAIN,
        both(
            compressed(J2K, jpeg_2000),
            only(4, _stream(lambda s: _of(Series(bits=(8, 8), slopes=(6.0,), intercepts=(-768.0,))))),
        ),
    ),
    unsound(
        "JPEG-LS under the name of JPEG 2000",
        BAD_STREAM,
        PLAIN,
        compressed(J2K, jpeg_ls),
    ),
    unsound(
        "plain pixels under the name of JPEG 2000",
        BAD_STREAM,
        PLAIN,
        compressed(J2K, lambda words: words.tobytes()),
    ),
    unsound("MPEG-4 video", UNKNOWN, PLAIN, compressed(uids.MPEG4HP41, rle)),
    Case("unknown transfer syntax", "unsound", _unknown, UNKNOWN),
    Case("implicit in name, explicit in fact", "unsound", _mislabeled, ("MALFORMED_HEADER", "HEADER_INCOMPLETE")),
    Case("no preamble, no file meta", "unsound", _without_meta, ("NOT_DICOM",)),
    Case("deflated file that unfolds to 64 MB beside", "sound", _bomb),
)


CASES: tuple[Case, ...] = SYNTAXES + BROKEN
