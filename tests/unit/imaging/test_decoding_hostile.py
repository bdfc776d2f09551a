"""Whatever the compressed bytes are: an answer or a refusal, soon, and the next job works."""

import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import replace
from pathlib import Path
from struct import pack

import imagecodecs
import numpy as np
import psutil
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from support import encapsulated as enc
from tumorcast_imaging.dicom.decoding import SYNTAXES, DecoderLimits, DecoderPool, Job, inflate, shared_pool
from tumorcast_imaging.dicom.reasons import CODES, Refused

BITS = 12
TRUTH = enc.stored_values(BITS, signed=False)
BITS_OF = {enc.BASELINE: 8}
OF_A_FILE = {"UNDECODABLE_PIXELS", "TRUNCATED_PIXELS", "EXCESS_PIXELS", "PIXEL_FORMAT_DIFFERS", "NO_PIXELS"}


@pytest.fixture(scope="module")
def pool():
    with DecoderPool(DecoderLimits(memory_bytes=512 << 20, frame_time_s=5, children=1)) as pool:
        yield pool


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


@pytest.fixture(scope="module")
def slow(folder: Path) -> Job:
    """Seconds of decoding."""
    large = enc.stored_values(16, signed=False, shape=(4096, 4096))
    stream = enc.encode(large, enc.J2K_LOSSLESS, 16)
    return enc.write_job(folder / "slow", [stream], large, enc.J2K_LOSSLESS, 16)


def whole(folder: Path, syntax: str = enc.J2K_LOSSLESS) -> Job:
    bits = BITS_OF.get(syntax, BITS)
    truth = enc.stored_values(bits, signed=False)
    return enc.write_job(folder / "whole", [enc.encode(truth, syntax, bits)], truth, syntax, bits)


def code(pool: DecoderPool, job: Job) -> str:
    """Why the job is refused; empty if it is not."""
    try:
        words = next(pool.decode([job]))
    except Refused as refused:
        return refused.code if refused.code in CODES else "A CODE OF NO TABLE"
    assert words.shape == (len(job.frames), job.rows, job.columns)
    return ""


def rewritten(job: Job, data: bytes) -> Job:
    path = job.path.with_name("rewritten")
    path.write_bytes(data)
    return replace(job, path=path)


@settings(max_examples=400)
@given(
    syntax=st.sampled_from(sorted(SYNTAXES)),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=5),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_mutated_file_is_decoded_or_refused_by_name(pool, folder, syntax, edits, cut):
    job = whole(folder, syntax)
    data = bytearray(job.path.read_bytes())
    for where, what in edits:
        start = len(enc.LEAD) + int(where * (len(data) - len(enc.LEAD)))
        data[start : start + len(what)] = what
    found = code(pool, rewritten(job, bytes(data[: int(cut * len(data))])))
    assert found in OF_A_FILE | {""}


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_a_file_cut_anywhere_is_refused(pool, folder, syntax):
    job = whole(folder, syntax)
    data = job.path.read_bytes()
    for length in (0, job.offset, job.offset + 12, *range(job.offset + 16, len(data) - 9, len(data) // 11)):
        assert code(pool, rewritten(job, data[:length])) in {"TRUNCATED_PIXELS", "NO_PIXELS"}


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_a_codestream_cut_inside_a_whole_item_is_refused(pool, folder, syntax):
    job, bits = whole(folder, syntax), BITS_OF.get(syntax, BITS)
    truth = enc.stored_values(bits, signed=False)
    stream = enc.encode(truth, syntax, bits)
    for part in (0.02, 0.3, 0.6, 0.9, 0.97):
        cut = enc.write_job(folder / "cut", [stream[: int(part * len(stream))]], truth, syntax, bits)
        assert code(pool, replace(cut, bits_stored=job.bits_stored)) in OF_A_FILE


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_another_size_than_the_header_says_is_refused(pool, folder, syntax):
    job = whole(folder, syntax)
    for other in (replace(job, rows=job.rows + 1), replace(job, columns=job.columns - 1)):
        assert code(pool, other) in {"PIXEL_FORMAT_DIFFERS", "TRUNCATED_PIXELS", "EXCESS_PIXELS"}
    turned = replace(job, rows=job.columns, columns=job.rows)
    if syntax not in (enc.RLE, enc.NATIVE):  # those state no size of their own
        assert code(pool, turned) == "PIXEL_FORMAT_DIFFERS"


@pytest.mark.parametrize("syntax", sorted(SYNTAXES - {enc.BASELINE}))
def test_more_bits_than_are_allocated_are_refused(pool, folder, syntax):
    job = replace(whole(folder, syntax), bits_allocated=8, bits_stored=8)
    assert code(pool, job) in {"PIXEL_FORMAT_DIFFERS", "EXCESS_PIXELS"}


def test_a_second_image_behind_a_single_frame_is_refused(pool, folder):
    for syntax in (enc.LOSSLESS, enc.JPEG_LS, enc.J2K_LOSSLESS, enc.HTJ2K_LOSSLESS):
        stream = enc.encode(TRUTH, syntax, BITS)
        job = enc.write_job(folder / "two", [stream, stream], TRUTH, syntax, BITS)
        assert code(pool, replace(job, number_of_frames=1, frames=(0,))) == "EXCESS_PIXELS"


def test_fewer_frames_than_announced_are_refused(pool, folder):
    assert code(pool, replace(whole(folder), number_of_frames=3, frames=(0,))) == "TRUNCATED_PIXELS"


def test_a_lossy_stream_under_a_lossless_syntax_is_refused(pool, folder):
    job = replace(whole(folder, enc.EXTENDED), transfer_syntax_uid=enc.LOSSLESS)
    assert code(pool, job) == "PIXEL_FORMAT_DIFFERS"


def test_a_lossless_jpeg_whose_scan_runs_out_of_bits_is_refused(pool, folder):
    stream = enc.encode(TRUTH, enc.LOSSLESS, BITS)
    short = stream[:-300] + stream[-2:]  # libjpeg fills the rest and says nothing
    assert imagecodecs.jpeg8_decode(short).shape == TRUTH.shape
    job = enc.write_job(folder / "short", [short], TRUTH, enc.LOSSLESS, BITS)
    assert code(pool, job) == "UNDECODABLE_PIXELS"


def test_errors_that_imagecodecs_swallows_are_refusals(pool, folder):
    stream = enc.encode(TRUTH, enc.HTJ2K_LOSSLESS, BITS)
    start = stream.index(b"\xff\x93") + 2
    broken = stream[:start] + b"\xff" * 60 + stream[start + 60 :]
    job = enc.write_job(folder / "broken", [broken], TRUTH, enc.HTJ2K_LOSSLESS, BITS)
    assert code(pool, job) == "UNDECODABLE_PIXELS"


def test_a_tiny_file_that_declares_a_huge_image_is_refused_at_once(pool, folder):
    siz = pack(">HHHIIIIIIIIHBBB", 0xFF51, 41, 0, 60000, 60000, 0, 0, 60000, 60000, 0, 0, 1, 15, 1, 1)
    stream = b"\xff\x4f" + siz + bytes(40) + b"\xff\xd9"
    job = enc.write_job(folder / "bomb", [stream], TRUTH, enc.J2K, 16)
    began_s = time.monotonic()
    assert code(pool, job) == "PIXEL_FORMAT_DIFFERS"
    assert code(pool, replace(job, rows=60000, columns=60000)) in OF_A_FILE
    assert time.monotonic() - began_s < 5


def test_memory_is_bounded_and_the_next_job_works(tmp_path: Path):
    side = 12_000
    large = np.zeros((side, side), np.uint8)
    job = enc.write_job(tmp_path / "large", [imagecodecs.jpegls_encode(large)], large, enc.JPEG_LS, 8)
    assert job.path.stat().st_size < 1 << 20
    with DecoderPool(DecoderLimits(memory_bytes=200 << 20, children=1)) as pool:
        assert code(pool, whole(tmp_path)) == ""
        assert code(pool, job) == "DECODER_OUT_OF_MEMORY"
        assert code(pool, whole(tmp_path)) == ""


def test_time_is_bounded_and_the_next_job_works(tmp_path: Path, slow):
    with DecoderPool(DecoderLimits(frame_time_s=0.2, children=1)) as pool:
        assert code(pool, slow) == "DECODER_TIMEOUT"
        time.sleep(0.3)
        assert code(pool, whole(tmp_path)) == ""


def test_a_child_killed_in_the_midst_of_a_job_costs_that_job_only(tmp_path: Path, slow):
    with DecoderPool(DecoderLimits(children=1)) as pool:
        assert code(pool, whole(tmp_path)) == ""
        (pid,) = pool.pids()
        future = pool.submit(slow)
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Refused, match="DECODER_CRASHED"):
            future.result()
        assert code(pool, whole(tmp_path)) == ""
        assert pool.pids() != (pid,)


def test_a_child_killed_while_idle_is_replaced_unseen(tmp_path: Path):
    with DecoderPool(DecoderLimits(children=1)) as pool:
        assert code(pool, whole(tmp_path)) == ""
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert code(pool, whole(tmp_path)) == ""


def test_no_child_remains_after_closing_even_at_work(slow):
    pool = DecoderPool()
    futures = [pool.submit(slow) for _ in range(pool.limits.children)]
    while len(pool.pids()) < pool.limits.children:
        time.sleep(0.01)
    time.sleep(0.3)
    pids = pool.pids()
    pool.close()
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert all(isinstance(future.exception(), Refused) for future in futures)


def test_idle_children_end_and_start_anew(tmp_path: Path):
    with DecoderPool(DecoderLimits(idle_s=0.2, children=1)) as pool:
        assert code(pool, whole(tmp_path)) == ""
        (pid,) = pool.pids()
        deadline_s = time.monotonic() + 10
        while psutil.pid_exists(pid) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert not psutil.pid_exists(pid)
        assert code(pool, whole(tmp_path)) == ""


def test_a_child_at_work_does_not_outlive_a_killed_parent(tmp_path: Path):
    large = enc.stored_values(16, signed=False, shape=(2048, 2048))
    stream = enc.encode(large, enc.J2K_LOSSLESS, 16)
    job = enc.write_job(tmp_path / "slow", [stream] * 60, large, enc.J2K_LOSSLESS, 16)
    script = (
        "import sys, time; from tumorcast_imaging.dicom.decoding import *; from pathlib import Path\n"
        f"pool = DecoderPool(DecoderLimits(frame_time_s=2, children=1)); pool.submit({job!r})\n"
        "while not pool.pids(): time.sleep(0.01)\n"
        "time.sleep(0.5); print(*pool.pids(), flush=True); time.sleep(60)"
    ).replace("Job(", f"Job(path=Path({str(job.path)!r}), ")
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=15)


def test_a_child_sees_little_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "value")
    with DecoderPool(DecoderLimits(memory_bytes=300 << 20, children=1)) as pool:
        assert code(pool, whole(tmp_path)) == ""
        (pid,) = pool.pids()
        child = psutil.Process(pid)
        assert "SECRET" not in child.environ()
        assert child.rlimit(psutil.RLIMIT_AS)[1] == 300 << 20
        assert child.rlimit(psutil.RLIMIT_CORE)[1] == 0
        assert child.rlimit(psutil.RLIMIT_FSIZE)[1] == 0
        assert not child.open_files()
        loaded = {Path(m.path).name for m in child.memory_maps()}
        assert any("openjp" in name for name in loaded)
        assert not any("torch" in name for name in loaded)


def test_the_parent_holds_a_few_results_only(tmp_path: Path):
    truth = enc.stored_values(12, signed=False, shape=(1024, 1024))
    job = enc.write_job(tmp_path / "a", [enc.encode(truth, enc.RLE, 12)], truth, enc.RLE, 12)
    asked = []
    with DecoderPool() as pool:
        memory = psutil.Process().memory_info
        for i, words in enumerate(pool.decode(asked.append(n) or job for n in range(150))):
            assert words.shape == (1, 1024, 1024)
            assert len(asked) - i <= pool.limits.children + 2
            if i == 20:
                before = memory().rss
        assert memory().rss - before < 20 << 20  # 130 results would be 260 MiB


def test_many_threads_share_one_pool_and_get_their_own_words(tmp_path: Path):
    truths = [enc.stored_values(12, signed=False, seed=seed) for seed in range(6)]
    jobs = [
        enc.write_job(tmp_path / str(i), [enc.encode(truth, enc.JPEG_LS, 12)], truth, enc.JPEG_LS, 12)
        for i, truth in enumerate(truths)
    ]
    wrong = []

    def read(i: int) -> None:
        pool = shared_pool(DecoderLimits(idle_s=1))
        wrong.extend(i for words in pool.decode([jobs[i]] * 20) if not np.array_equal(words[0], truths[i]))

    threads = [threading.Thread(target=read, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(shared_pool(DecoderLimits(idle_s=1)).pids()) <= DecoderLimits().children


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_has_a_pool_of_its_own(tmp_path: Path):
    job = whole(tmp_path)
    assert code(shared_pool(), job) == ""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if code(shared_pool(), job) == "" else 2
            shared_pool().close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert code(shared_pool(), job) == ""


def test_jobs_that_make_no_sense_are_refused_before_a_child_is_asked(tmp_path: Path):
    job = whole(tmp_path)
    with DecoderPool() as pool:
        for bad in (
            {"bits_allocated": 32},
            {"bits_stored": 17},
            {"rows": 0},
            {"columns": 1 << 16},
            {"frames": (1,)},
            {"offset": -1},
            {"transfer_syntax_uid": "1.2.840.10008.1.2.4.100"},
        ):
            assert code(pool, replace(job, **bad)) == "UNSUPPORTED_PIXEL_FORMAT"
        assert pool.pids() == ()


def test_a_file_that_is_gone_is_unreadable(pool, tmp_path: Path):
    assert code(pool, replace(whole(tmp_path), path=tmp_path / "gone")) == "UNREADABLE"


class TestInflate:
    def deflated(self, path: Path, content: bytes, pad: bytes = b"") -> Path:
        data = Path(get_testdata_file("image_dfl.dcm")).read_bytes()
        engine = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        length = int.from_bytes(data[140:144], "little")
        path.write_bytes(data[: 144 + length] + engine.compress(content) + engine.flush() + pad)
        return path

    def test_a_real_file_unfolds_to_a_data_set(self):
        data = inflate(Path(get_testdata_file("image_dfl.dcm")))
        assert data[:4] == b"\x08\x00\x16\x00"  # SOP Class UID
        pixels = pydicom.dcmread(get_testdata_file("image_dfl.dcm")).PixelData
        assert data.endswith(pixels)

    def test_a_pad_byte_is_tolerated_and_a_tail_is_not(self, tmp_path: Path):
        content = os.urandom(5000)
        assert inflate(self.deflated(tmp_path / "a", content, b"\0")) == content
        for tail in (b"\0\0\0", pack("<II", zlib.crc32(b""), 5000)):
            with pytest.raises(Refused, match="MALFORMED_HEADER"):
                inflate(self.deflated(tmp_path / "a", content, tail))

    def test_a_gzip_trailer_that_is_true_is_tolerated(self, tmp_path: Path):
        content = os.urandom(5000)
        tail = pack("<II", zlib.crc32(content), 5000)
        assert inflate(self.deflated(tmp_path / "a", content, tail + b"\0")) == content

    def test_a_stream_cut_off_is_refused(self, tmp_path: Path):
        path = self.deflated(tmp_path / "a", os.urandom(3 << 20))
        path.write_bytes(path.read_bytes()[: 2 << 20])
        with pytest.raises(Refused, match="MALFORMED_HEADER"):
            inflate(path)

    @pytest.mark.parametrize("limits", [DecoderLimits(), DecoderLimits(max_inflated_bytes=1 << 20)])
    def test_a_bomb_is_refused(self, tmp_path: Path, limits):
        path = self.deflated(tmp_path / "a", bytes(200 << 20))
        assert path.stat().st_size < 300_000
        with pytest.raises(Refused, match="INFLATED_TOO_LARGE"):
            inflate(path, limits)

    def test_blank_images_of_usual_size_are_no_bomb(self, tmp_path: Path):
        assert len(inflate(self.deflated(tmp_path / "a", bytes(8 << 20)))) == 8 << 20

    @settings(max_examples=150)
    @given(
        edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
        cut=st.floats(0, 1),
    )
    def test_mutated_streams_unfold_or_are_refused(self, folder, edits, cut):
        data = bytearray(Path(get_testdata_file("image_dfl.dcm")).read_bytes())
        for where, value in edits:
            data[int(where * len(data))] = value
        path = folder / "deflated"
        path.write_bytes(data[: int(cut * len(data))])
        try:
            found = "" if len(inflate(path)) < 100 << 20 else "TOO LONG"
        except Refused as e:
            found = e.code
        assert found in {"", "MALFORMED_HEADER", "INFLATED_TOO_LARGE"}
