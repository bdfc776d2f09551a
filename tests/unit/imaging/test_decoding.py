"""Decoded words are those that were encoded, in every transfer syntax, width and sign."""

import warnings
from io import BytesIO
from pathlib import Path

import imagecodecs
import jpeg_ls
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from support import encapsulated as enc
from tumorcast_imaging.dicom.decoding import SYNTAXES, DecoderPool
from tumorcast_imaging.dicom.reasons import Refused

EXACT = sorted(SYNTAXES - {enc.BASELINE, enc.EXTENDED, enc.JPEG_LS_NEAR, enc.J2K, enc.HTJ2K})
WIDTHS = [(8, False), (8, True), (10, False), (12, False), (12, True), (16, False), (16, True)]


@pytest.fixture(scope="module")
def pool():
    with DecoderPool() as pool:
        yield pool


def decoded(pool: DecoderPool, job) -> np.ndarray:
    return next(pool.decode([job]))


def refusal(pool: DecoderPool, job) -> str:
    with pytest.raises(Refused) as refused:
        decoded(pool, job)
    return refused.value.code


@pytest.mark.parametrize(("bits", "signed"), WIDTHS)
@pytest.mark.parametrize("syntax", EXACT)
def test_lossless_words_are_those_encoded(tmp_path: Path, pool, syntax, bits, signed):
    truth = enc.stored_values(bits, signed=signed)
    job = enc.write_job(tmp_path / "a", [enc.encode(truth, syntax, bits)], truth, syntax, bits)
    words = decoded(pool, job)
    assert words.dtype == f"u{truth.itemsize}"
    assert words.shape == (1, *truth.shape)
    np.testing.assert_array_equal(enc.stored_of(words, job)[0], truth)


@pytest.mark.parametrize(("bits", "signed"), WIDTHS)
def test_near_lossless_words_stay_within_their_bound(tmp_path: Path, pool, bits, signed):
    truth = enc.stored_values(bits, signed=signed)
    stream = enc.encode(truth, enc.JPEG_LS_NEAR, bits)
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.JPEG_LS_NEAR, bits)
    pattern = enc.words_of(decoded(pool, job)[0], bits).astype(int)
    assert 0 < np.abs(pattern - enc.words_of(truth, bits)).max() <= enc.NEAR
    np.testing.assert_array_equal(pattern, jpeg_ls.decode(np.frombuffer(stream, np.uint8)))


@pytest.mark.parametrize(("syntax", "bits"), [(enc.BASELINE, 8), (enc.EXTENDED, 12), (enc.J2K, 12), (enc.J2K, 16)])
def test_lossy_words_are_near_those_encoded(tmp_path: Path, pool, syntax, bits):
    truth = enc.stored_values(bits, signed=False)
    job = enc.write_job(tmp_path / "a", [enc.encode(truth, syntax, bits)], truth, syntax, bits)
    error = decoded(pool, job)[0].astype(float) - truth
    assert 0 < np.abs(error).mean() < 0.01 * (1 << bits)


def test_baseline_words_are_those_of_pillow(tmp_path: Path, pool):
    truth = enc.stored_values(8, signed=False)
    stream = enc.encode(truth, enc.BASELINE, 8)
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.BASELINE, 8)
    np.testing.assert_array_equal(decoded(pool, job)[0], np.asarray(Image.open(BytesIO(stream))))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg_of_another_encoder_decodes(tmp_path: Path, pool, bits):
    truth = enc.stored_values(bits, signed=False)
    stream = imagecodecs.ljpeg_encode(truth, bitspersample=bits)  # liblj92
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.LOSSLESS, bits)
    np.testing.assert_array_equal(decoded(pool, job)[0], truth)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_lossless_predictor_decodes(tmp_path: Path, pool, predictor):
    truth = enc.stored_values(12, signed=False)
    stream = imagecodecs.jpeg8_encode(truth, lossless=True, predictor=predictor, bitspersample=12)
    np.testing.assert_array_equal(imagecodecs.jpegsof3_decode(stream), truth)  # an independent decoder agrees
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.LOSSLESS, 12)
    np.testing.assert_array_equal(decoded(pool, job)[0], truth)


@pytest.mark.parametrize("syntax", [enc.HTJ2K_LOSSLESS, enc.HTJ2K_RPCL, enc.HTJ2K])
@pytest.mark.parametrize("signed", [False, True])
def test_htjpeg2000_words_are_those_of_openjpeg(tmp_path: Path, pool, syntax, signed):
    truth = enc.stored_values(16, signed=signed)
    level = 0.001 if syntax == enc.HTJ2K else None
    stream = imagecodecs.htj2k_encode(truth, level, reversible=syntax != enc.HTJ2K)
    job = enc.write_job(tmp_path / "a", [stream], truth, syntax, 16)
    ours = enc.stored_of(decoded(pool, job), job)[0].astype(int)
    lossy = syntax == enc.HTJ2K
    assert np.abs(ours - imagecodecs.jpeg2k_decode(stream)).max() <= (4 if lossy else 0)  # of 65536
    assert np.abs(ours - truth).max() <= (300 if lossy else 0)  # both ends are reached and none wraps


def test_a_narrow_codestream_fills_wide_words(tmp_path: Path, pool):
    truth = enc.stored_values(8, signed=False)
    for syntax in (enc.BASELINE, enc.LOSSLESS, enc.JPEG_LS, enc.J2K_LOSSLESS):
        job = enc.write_job(tmp_path / "a", [enc.encode(truth, syntax, 8)], truth.astype(np.uint16), syntax, 8)
        words = decoded(pool, job)[0]
        assert words.dtype == np.uint16
        assert np.abs(words.astype(int) - truth).max() <= (6 if syntax == enc.BASELINE else 0)


def test_signed_pixels_in_an_unsigned_codestream_take_the_sign_of_its_topmost_bit(tmp_path: Path, pool):
    truth = enc.stored_values(13, signed=True)
    stream = imagecodecs.jpeg2k_encode(enc.words_of(truth, 13), 0, codecformat="J2K", bitspersample=13, reversible=True)
    for bits_stored in (13, 16):
        job = enc.write_job(tmp_path / "a", [stream], truth, enc.J2K_LOSSLESS, bits_stored)
        np.testing.assert_array_equal(enc.stored_of(decoded(pool, job), job)[0], truth)


def test_unsigned_pixels_in_a_signed_codestream_are_its_bits(tmp_path: Path, pool):
    truth = enc.stored_values(12, signed=False)
    signed = (truth.astype(np.int16) << 4) >> 4
    stream = imagecodecs.jpeg2k_encode(signed, 0, codecformat="J2K", bitspersample=12, reversible=True)
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.J2K_LOSSLESS, 12)
    np.testing.assert_array_equal(decoded(pool, job)[0], truth)


def test_padding_beyond_the_stored_bits_survives(tmp_path: Path, pool):
    truth = enc.stored_values(12, signed=False)
    truth[:5] = 63536  # −2000 in 16 bits, as some CT write outside the field
    for syntax in (enc.JPEG_LS, enc.J2K_LOSSLESS, enc.LOSSLESS, enc.RLE):
        job = enc.write_job(tmp_path / "a", [enc.encode(truth, syntax, 16)], truth, syntax, 12)
        np.testing.assert_array_equal(decoded(pool, job)[0], truth)


def test_lossy_values_that_overshoot_the_stored_bits_are_refused(tmp_path: Path, pool):
    truth = enc.stored_values(12, signed=False)
    job = enc.write_job(tmp_path / "a", [enc.encode(truth, enc.EXTENDED, 12)], truth, enc.EXTENDED, 10)
    assert refusal(pool, job) == "PIXEL_FORMAT_DIFFERS"


def test_a_jp2_file_around_the_codestream_is_unwrapped(tmp_path: Path, pool):
    truth = enc.stored_values(12, signed=False)
    stream = imagecodecs.jpeg2k_encode(truth, 0, codecformat="JP2", bitspersample=12, reversible=True)
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.J2K_LOSSLESS, 12)
    np.testing.assert_array_equal(decoded(pool, job)[0], truth)


@pytest.mark.parametrize("syntax", [enc.RLE, enc.LOSSLESS, enc.JPEG_LS, enc.J2K_LOSSLESS, enc.HTJ2K_LOSSLESS])
@pytest.mark.parametrize(("fragments", "table"), [(1, True), (1, False), (3, True), (3, False)])
def test_frames_are_found_with_and_without_offset_table_in_one_or_many_fragments(
    tmp_path: Path, pool, syntax, fragments, table
):
    truth = [enc.stored_values(16, signed=True, seed=seed) for seed in range(4)]
    streams = [enc.encode(values, syntax, 16) for values in truth]
    job = enc.write_job(tmp_path / "a", streams, truth[0], syntax, 16, fragments=fragments, table=table)
    if syntax == enc.RLE and fragments > 1 and not table:
        assert refusal(pool, job) == "EXCESS_PIXELS"  # RLE has no end marker: nobody can tell
        return
    some = enc.with_format(job, frames=(3, 1))
    words = decoded(pool, some)
    np.testing.assert_array_equal(words.view(np.int16), np.stack([truth[3], truth[1]]))


def test_a_single_frame_in_many_fragments_is_joined(tmp_path: Path, pool):
    truth = enc.stored_values(16, signed=False)
    stream = enc.encode(truth, enc.J2K_LOSSLESS, 16)
    job = enc.write_job(tmp_path / "a", [stream], truth, enc.J2K_LOSSLESS, 16, fragments=7, table=False)
    np.testing.assert_array_equal(decoded(pool, job)[0], truth)


def test_a_false_offset_table_is_not_believed(tmp_path: Path, pool):
    truth = [enc.stored_values(16, signed=False, seed=seed) for seed in range(2)]
    streams = [enc.encode(values, enc.JPEG_LS, 16) for values in truth]
    job = enc.write_job(tmp_path / "a", streams, truth[0], enc.JPEG_LS, 16, fragments=2)
    data = bytearray(job.path.read_bytes())
    data[job.offset + 12 : job.offset + 16] = b"\x08\0\0\0"  # the second frame's offset
    job.path.write_bytes(data)
    np.testing.assert_array_equal(decoded(pool, job), np.stack(truth))


REAL = [
    ("693_J2KI.dcm", "pillow"),
    ("J2K_pixelrep_mismatch.dcm", "pillow"),
    ("JPEG2000.dcm", "pillow"),
    ("JPEGLSNearLossless_08.dcm", "pyjpegls"),
    ("JPEGLSNearLossless_16.dcm", "pyjpegls"),
    ("MR_small_RLE.dcm", "pydicom"),
    ("MR_small_jp2klossless.dcm", "pillow"),
    ("MR_small_jpeg_ls_lossless.dcm", "pyjpegls"),
]


@pytest.mark.parametrize(("name", "plugin"), REAL)
def test_real_files_decode_as_in_pydicom(pool, name, plugin):
    path = Path(get_testdata_file(name))
    job = enc.job_of(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        dataset.pixel_array_options(decoding_plugin=plugin)
        theirs = dataset.pixel_array
    np.testing.assert_array_equal(enc.stored_of(decoded(pool, job), job)[0], theirs)


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_real_12_bit_jpeg_decodes_like_its_jpeg_2000_twin(pool, name):
    job = enc.job_of(Path(get_testdata_file(name)))
    twin = enc.job_of(Path(get_testdata_file("JPEG2000.dcm")))  # the same bone scan
    ours = enc.stored_of(decoded(pool, job), job)[0].astype(float)
    theirs = enc.stored_of(decoded(pool, twin), twin)[0].astype(float)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("JPEG2000-embedded-sequence-delimiter.dcm", "PIXEL_FORMAT_DIFFERS"),  # its size says 14 million tiles
        ("SC_rgb_rle.dcm", "PIXEL_FORMAT_DIFFERS"),
        ("GDCMJ2K_TextGBR.dcm", "PIXEL_FORMAT_DIFFERS"),
        ("SC_rgb_jpeg_dcmtk.dcm", "PIXEL_FORMAT_DIFFERS"),
        ("SC_rgb_jpeg_gdcm.dcm", "PIXEL_FORMAT_DIFFERS"),
        ("SC_rgb_jls_lossy_line.dcm", "PIXEL_FORMAT_DIFFERS"),
        ("rtdose_rle.dcm", "UNSUPPORTED_PIXEL_FORMAT"),
    ],
)
def test_real_files_of_several_samples_or_32_bits_are_refused(pool, name, code):
    assert refusal(pool, enc.job_of(Path(get_testdata_file(name)))) == code


def test_results_come_in_order_and_a_refused_job_does_not_end_them(tmp_path: Path, pool):
    truth = [enc.stored_values(12, signed=False, seed=seed) for seed in range(9)]
    jobs = [
        enc.write_job(tmp_path / str(i), [enc.encode(values, enc.JPEG_LS, 12)], values, enc.JPEG_LS, 12)
        for i, values in enumerate(truth)
    ]
    jobs[4].path.write_bytes(jobs[4].path.read_bytes()[:-200])
    results, seen = pool.decode(iter(jobs)), []
    while True:
        try:
            seen.append(next(results)[0])
        except Refused as e:
            seen.append(e.code)
        except StopIteration:
            break
    assert seen[4] == "TRUNCATED_PIXELS"
    for i in set(range(9)) - {4}:
        np.testing.assert_array_equal(seen[i], truth[i])
