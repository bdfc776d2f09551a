"""A kept vector is the vector that the encoder would make now, or it is not found."""

import asyncio
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_imaging.adapters.encoders import CachedEncoder, EmbeddingCache
from tumorcast_imaging.adapters.encoders.cached_encoder import FRESH_S
from tumorcast_imaging.adapters.encoders.embedding_cache import key_of
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.model import Crop, CropSpec, Encoded, EncoderManifest, Window

MIB = 1 << 20
WEIGHTS, OTHER_WEIGHTS = "a" * 64, "b" * 64
MANIFEST = EncoderManifest(
    name="fake",
    version="1",
    embedding_dim=4,
    crop=CropSpec(voxels=8, spacing_mm=2.5, windows={"CT": Window(low=-160, high=240)}),
    training_data="none",
    simulated=True,
    weights_sha256=WEIGHTS,
)


def crop(seed: int) -> Crop:
    return Crop("fake", np.random.default_rng(seed).random((2, 8, 8, 8), np.float32), "CT")


def vector_of(one: Crop, weights: str) -> np.ndarray:
    """What the fake network computes: another vector for every crop and for all weights."""
    return np.float32([one.array.sum(), one.array[0, 0, 0, 0], one.array.std(), ord(weights[0])])


class FakeEncoder:
    """An encoder whose weights can be replaced under it, as when it is upgraded alone."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self.weights, self.precision, self.dead = WEIGHTS, "float32", False
        self.computed = 0

    async def space(self, deadline: Deadline) -> str:
        if self.dead:
            raise ServiceUnavailable
        return f"fake@{self.weights[:12]}/{self.precision}"

    async def encode(self, crops: list[Crop], deadline: Deadline) -> list[Encoded]:
        space = await self.space(deadline)
        self.computed += len(crops)
        return [Encoded(space, vector_of(one, self.weights)) for one in crops]


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def encode(encoder: CachedEncoder, *crops: Crop) -> list[Encoded]:
    return asyncio.run(encoder.encode(crops, Deadline()))


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(KeptFiles(tmp_path / "cache", MIB))


def test_the_same_crop_is_computed_once_and_its_vector_is_the_same(cache):
    fake = FakeEncoder()
    encoder = CachedEncoder(fake, cache, "cpu")
    (first,), (second,) = encode(encoder, crop(1)), encode(encoder, crop(1))
    assert fake.computed == 1
    assert np.array_equal(first.vector, second.vector)
    assert first.embedding_space == second.embedding_space == f"fake@{'a' * 12}/float32"


def test_hits_and_misses_of_one_call_keep_their_places(cache):
    encoder = CachedEncoder(FakeEncoder(), cache, "cpu")
    encode(encoder, crop(2))
    mixed = [crop(1), crop(2), crop(3)]
    for one, encoded in zip(mixed, encode(encoder, *mixed), strict=True):
        assert np.array_equal(encoded.vector, vector_of(one, WEIGHTS))


def test_two_processes_share_what_one_has_computed(tmp_path):
    fakes = [FakeEncoder(), FakeEncoder()]
    for fake in fakes:
        encode(CachedEncoder(fake, EmbeddingCache(KeptFiles(tmp_path, MIB)), "cpu"), crop(1))
    assert [fake.computed for fake in fakes] == [1, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["cpu", "cuda"]), st.sampled_from("ab")), max_size=20))
def test_no_sequence_of_crops_devices_and_upgrades_gives_a_wrong_vector(tmp_path_factory, steps):
    """The law: whatever was asked before, the answer is what the encoder would compute now, in its space of now."""
    cache, clock = EmbeddingCache(KeptFiles(tmp_path_factory.mktemp("cache"), MIB)), Clock()
    fake = FakeEncoder()
    encoders = {device: CachedEncoder(fake, cache, device, clock_s=clock) for device in ("cpu", "cuda")}
    for seed, device, weights in steps:
        if fake.weights[0] != weights:
            fake.weights = weights * 64
            clock.now_s += FRESH_S + 1  # a replica with other weights needs longer than that to start
        (encoded,) = encode(encoders[device], crop(seed))
        assert np.array_equal(encoded.vector, vector_of(crop(seed), fake.weights))
        assert encoded.embedding_space == f"fake@{fake.weights[:12]}/float32"


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_one_flipped_bit_is_a_miss_and_the_file_is_removed(tmp_path_factory, position, bit):
    root = tmp_path_factory.mktemp("cache")
    cache = EmbeddingCache(KeptFiles(root, MIB))
    key = key_of(crop(1), WEIGHTS, "fake@a/float32", "cpu")
    cache.put(key, Encoded("fake@a/float32", vector_of(crop(1), WEIGHTS)))
    (file,) = files(root)
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= 1 << bit
    file.write_bytes(content)
    assert cache.get(key) is None
    assert not files(root)


@given(st.binary(max_size=200))
def test_any_other_content_is_a_miss(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("cache")
    cache, key = EmbeddingCache(KeptFiles(root, MIB)), "0" * 64
    (root / "00").mkdir()
    (root / "00" / key).write_bytes(content)
    assert cache.get(key) is None


def test_an_entry_under_another_name_is_a_miss(tmp_path, cache):
    key = key_of(crop(1), WEIGHTS, "s", "cpu")
    cache.put(key, Encoded("s", vector_of(crop(1), WEIGHTS)))
    (file,) = files(tmp_path)
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    file.rename(file.with_name(other))
    assert cache.get(other) is None


@given(st.integers(0, 2 * 8**3 - 1))
def test_every_voxel_decides_the_key(index):
    one = crop(1)
    other = one.array.copy()
    other.flat[index] = np.nextafter(other.flat[index], np.float32(2))
    assert key_of(one, WEIGHTS, "s", "cpu") != key_of(Crop("fake", other, "CT"), WEIGHTS, "s", "cpu")


def test_weights_space_device_and_shape_decide_the_key():
    flat = Crop("fake", crop(1).array.reshape(2, 64, 8), "CT")
    keys = {
        key_of(crop(1), WEIGHTS, "s", "cpu"),
        key_of(crop(1), OTHER_WEIGHTS, "s", "cpu"),
        key_of(crop(1), WEIGHTS, "t", "cpu"),
        key_of(crop(1), WEIGHTS, "s", "cuda"),
        key_of(flat, WEIGHTS, "s", "cpu"),
    }
    assert len(keys) == 5


def test_an_encoder_upgraded_alone_is_asked_for_everything(tmp_path, cache):
    clock, fake = Clock(), FakeEncoder()
    encoder = CachedEncoder(fake, cache, "cpu", clock_s=clock)
    encode(encoder, crop(1))
    fake.weights = OTHER_WEIGHTS
    clock.now_s += FRESH_S + 1
    for _ in range(2):
        assert encode(encoder, crop(1))[0].embedding_space == f"fake@{'b' * 12}/float32"
    assert fake.computed == 3
    assert len(files(tmp_path)) == 1  # nothing of the new weights is kept under the old manifest


def test_another_precision_is_another_entry(cache):
    fake, clock = FakeEncoder(), Clock()
    encoder = CachedEncoder(fake, cache, "cpu", clock_s=clock)
    encode(encoder, crop(1))
    fake.precision = "bf16"
    clock.now_s += FRESH_S + 1
    assert encode(encoder, crop(1))[0].embedding_space.endswith("/bf16")
    assert fake.computed == 2


def test_a_dead_encoder_is_told_by_the_encoder_not_by_the_cache(cache):
    fake = FakeEncoder()
    fake.dead = True
    with pytest.raises(ServiceUnavailable):
        encode(CachedEncoder(fake, cache, "cpu"), crop(1))


def test_a_folder_that_cannot_be_written_costs_the_hits_only(tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"in the way")
    fake = FakeEncoder()
    encoder = CachedEncoder(fake, EmbeddingCache(KeptFiles(tmp_path / "file", MIB)), "cpu")
    for _ in range(2):
        assert np.array_equal(encode(encoder, crop(1))[0].vector, vector_of(crop(1), WEIGHTS))
    assert fake.computed == 2
    assert len([record for record in caplog.records if "cannot be kept" in record.message]) == 1
    assert str(tmp_path) not in caplog.text


def test_a_full_disk_costs_the_hits_only(tmp_path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no /dev/full")

    class OnAFullDisk(KeptFiles):
        @staticmethod
        def _write(path: Path, content: bytes) -> None:
            with full.open("wb", buffering=0) as file:
                file.write(content)

    fake = FakeEncoder()
    encoder = CachedEncoder(fake, EmbeddingCache(OnAFullDisk(tmp_path, MIB)), "cpu")
    assert np.array_equal(encode(encoder, crop(1))[0].vector, vector_of(crop(1), WEIGHTS))


def test_the_folder_stays_within_its_bound_and_loses_what_was_used_longest_ago(tmp_path):
    most = 64 * 4096
    cache = EmbeddingCache(KeptFiles(tmp_path, most))
    encoded = Encoded("s", np.zeros(32, np.float32))
    keys = [f"{number:064x}"[::-1] for number in range(200)]
    for number, key in enumerate(keys):
        cache.put(key, encoded)
        os.utime(tmp_path / key[:2] / key, (number, number))
        assert 4096 * len(files(tmp_path)) <= most
    assert cache.get(keys[0]) is None
    assert cache.get(keys[-1]) is not None


def test_what_is_read_is_kept_longer(tmp_path):
    files = KeptFiles(tmp_path, 16 * 4096)
    cache = EmbeddingCache(files)
    encoded = Encoded("s", np.zeros(32, np.float32))
    keys = [f"{number:064x}"[::-1] for number in range(15)]
    for number, key in enumerate(keys[:14]):
        cache.put(key, encoded)
        os.utime(tmp_path / key[:2] / key, (number, number))
    assert cache.get(keys[0]) is not None
    cache.put(keys[14], encoded)
    files.trim()
    assert cache.get(keys[0]) is not None
    assert cache.get(keys[1]) is None


def test_trimming_touches_no_foreign_file_and_sweeps_what_a_crash_left(tmp_path):
    (tmp_path / "ab").mkdir()
    foreign, left, young = (tmp_path / "ab" / name for name in ("thesis.pdf", "tmpabc.part", "tmpdef.part"))
    for file in (foreign, left, young):
        file.write_bytes(b"x")
    old = time.time() - 7200
    for file in (foreign, left):
        os.utime(file, (old, old))
    KeptFiles(tmp_path, 1).trim()
    assert foreign.exists()
    assert not left.exists()
