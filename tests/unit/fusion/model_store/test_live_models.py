"""What a replica makes of its store: it follows whole records, and goes on with what it has where it cannot."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from support.fusion import MANIFEST, full_snapshot
from support.model_versions import published, put, record, replica, shipped
from support.small_disk import small_disk
from tumorcast_core.errors import ModelStoreUnavailable, UnknownModel
from tumorcast_fusion.adapters import live_models
from tumorcast_fusion.adapters.cached_models import ModelCache
from tumorcast_fusion.adapters.live_models import Follower, LiveModels
from tumorcast_fusion.adapters.model_store import VersionStore
from tumorcast_fusion.adapters.model_store.versions import LoadedVersion
from tumorcast_fusion.model.generation import SHIPPED_VERSION

NAME = MANIFEST.name


@pytest.fixture
def store(tmp_path: Path) -> VersionStore:
    (tmp_path / "store").mkdir()
    return VersionStore(tmp_path / "store")


@pytest.fixture
def one(tmp_path: Path, store: VersionStore) -> LoadedVersion:
    return store.push(published(tmp_path / "one", "1.0.0", seed=1))


@pytest.fixture
def two(tmp_path: Path, store: VersionStore) -> LoadedVersion:
    return store.push(published(tmp_path / "two", "2.0.0", seed=2))


def damage(tmp_path: Path, version: str) -> None:
    file = tmp_path / "store" / NAME / version / "fusion.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def refused(models: LiveModels) -> dict[str, str]:
    assert models.store_state is not None
    return dict(models.store_state.refused)


def test_without_records_the_shipped_model_answers(tmp_path: Path, store: VersionStore, one: LoadedVersion) -> None:
    models = replica(tmp_path, store)
    models.refresh()
    live = models.live(NAME)
    assert (live.version, live.generation, live.shadow) == (SHIPPED_VERSION, 0, None)
    assert live.active.ref.version == "0.0.1"
    assert models.card(NAME).markdown == "# tiny 0.0.1\n"


def test_it_follows_promotion_shadow_and_rollback(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    for active, shadow in ((one, None), (one, two), (two, None), (None, None), (one, None)):
        put(store, active, shadow)
        models.refresh()
        live = models.live(NAME)
        expected = active.model.ref.version if active else "0.0.1"
        assert live.active.ref.version == expected
        assert models.card(NAME).markdown == f"# tiny {expected}\n"
        assert (live.shadow.ref if live.shadow else None) == (shadow.model.ref if shadow else None)
    assert models.live(NAME).generation == 5
    assert refused(models) == {}


def test_a_call_goes_on_with_the_model_that_it_began_with(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    before = models.live(NAME)
    put(store, one)
    models.refresh()
    assert before.active.predict(full_snapshot()).model.version == "0.0.1"
    assert models.live(NAME).active.predict(full_snapshot()).model == one.model.ref


def test_a_model_that_is_in_the_store_alone_is_served(tmp_path: Path, store: VersionStore) -> None:
    other = store.push(published(tmp_path / "other", "1.0.0", name="other"))
    models = replica(tmp_path, store)
    models.refresh()
    with pytest.raises(UnknownModel):
        models.live("other")
    store.append("other", lambda _, number: record(number, other).model_copy(update={"model": "other"}))
    models.refresh()
    assert models.names == ("other", NAME)
    assert models.live("other").active.ref == other.model.ref


def test_a_damaged_version_is_not_taken_until_it_is_whole(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    put(store, one)
    models.refresh()
    damage(tmp_path, two.version)
    put(store, two)
    models.refresh()
    assert models.live(NAME).version == one.version
    assert refused(models) == {NAME: "UNSOUND_MODEL"}
    assert not list((tmp_path / "cache" / NAME).glob(f"{two.version}*"))
    store.push(tmp_path / "two")
    models.refresh()
    assert models.live(NAME).version == two.version
    assert refused(models) == {}


def test_a_damaged_shadow_leaves_what_answers(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    damage(tmp_path, two.version)
    put(store, one, two)
    models.refresh()
    assert (models.live(NAME).version, models.live(NAME).shadow) == (one.version, None)
    assert refused(models) == {NAME: "UNSOUND_MODEL"}


def test_a_version_whose_whole_sha256_is_another_is_not_taken(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    false = one.model.ref.sha256[:12] + "0" * 52
    store.append(NAME, lambda _, number: record(number, one).model_copy(update={"active_sha256": false}))
    models.refresh()
    assert models.live(NAME).version == SHIPPED_VERSION
    assert refused(models) == {NAME: "UNSOUND_MODEL"}


def test_files_that_make_the_model_crash_are_not_taken(tmp_path: Path, store: VersionStore) -> None:
    models = replica(tmp_path, store)
    folder = published(tmp_path / "bad", "3.0.0")
    version = store.push(folder)
    manifest = tmp_path / "store" / NAME / version.version / "manifest.yaml"
    manifest.write_text("name: [")
    put(store, version)
    models.refresh()
    assert models.live(NAME).version == SHIPPED_VERSION


def test_a_copy_that_was_damaged_in_the_cache_is_fetched_again(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    put(store, one)
    replica(tmp_path, store).refresh()
    (tmp_path / "cache" / NAME / one.version / "card.md").write_text("changed on the disk")
    models = replica(tmp_path, store)
    models.refresh()
    assert models.card(NAME).markdown == "# tiny 1.0.0\n"


def test_a_store_that_went_away_leaves_the_last_good_model(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    put(store, one)
    models.refresh()
    assert models.store_state is not None
    read_at = models.store_state.read_at
    shutil.rmtree(tmp_path / "store")
    models.refresh()
    assert models.live(NAME).version == one.version
    assert (models.store_state.up, models.store_state.read_at) == (False, read_at)


def test_one_model_that_the_store_does_not_tell_of_leaves_the_others_followed(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.push(published(tmp_path / "aaa", "1.0.0", name="aaa"))
    newest = store.newest

    def shut(name: str) -> object:
        if name == "aaa":
            raise ModelStoreUnavailable
        return newest(name)

    monkeypatch.setattr(store, "newest", shut)
    put(store, one)
    models = replica(tmp_path, store)
    models.refresh()
    assert models.live(NAME).version == one.version
    assert models.store_state is not None
    assert models.store_state.up is False


def test_a_replica_that_starts_without_its_store_follows_what_it_followed_last(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    put(store, one, two)
    replica(tmp_path, store).refresh()
    (tmp_path / "store").rename(tmp_path / "away")
    restarted, fresh = replica(tmp_path, store), replica(tmp_path, store, cache="empty")
    for models in (restarted, fresh):
        models.refresh()
    live = restarted.live(NAME)
    assert (live.version, live.generation) == (one.version, 1)
    assert live.shadow is not None
    assert fresh.live(NAME).version == SHIPPED_VERSION
    (tmp_path / "away").rename(tmp_path / "store")
    put(store, two)
    restarted.refresh()
    assert restarted.live(NAME).version == two.version


def test_a_replica_whose_store_hangs_answers_with_what_it_followed_last_and_tells_so(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, one)
    replica(tmp_path, store).refresh()
    restarted, asked, answer = replica(tmp_path, store), threading.Event(), threading.Event()
    names = store.names

    def hanging() -> tuple[str, ...]:
        asked.set()
        answer.wait(20)
        return names()

    monkeypatch.setattr(store, "names", hanging)
    look = threading.Thread(target=restarted.refresh)
    look.start()
    try:
        assert asked.wait(20)
        assert restarted.live(NAME).version == one.version
        assert restarted.store_state is not None
        assert restarted.store_state.up is None
        monkeypatch.setattr(live_models, "HUNG_S", 0.0)
        assert restarted.store_state.up is False
    finally:
        answer.set()
        look.join(20)
    assert restarted.store_state.up is True
    assert restarted.live(NAME).version == one.version


@pytest.mark.parametrize("records", [0, 1])
def test_a_store_that_is_another_one_counts_more_than_the_cache_of_the_one_before(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion, records: int
) -> None:
    put(store, two)
    put(store, one)
    replica(tmp_path, store).refresh()
    (tmp_path / "store" / NAME / "generations").rename(tmp_path / "gone")
    if records:
        put(store, two)
    restarted = replica(tmp_path, store)
    restarted.refresh()
    assert restarted.live(NAME).version == (two.version if records else SHIPPED_VERSION)
    shutil.rmtree(tmp_path / "store" / NAME)
    fresh = replica(tmp_path, store)
    fresh.refresh()
    assert fresh.live(NAME).version == SHIPPED_VERSION


def test_a_damaged_cache_is_mended_from_the_store_at_the_first_look(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    put(store, one, two)
    replica(tmp_path, store).refresh()
    for version in (one, two):
        (tmp_path / "cache" / NAME / version.version / "card.md").write_text("altered")
    models = LiveModels(shipped(tmp_path / "again"), store, ModelCache(tmp_path / "cache"), retry_s=60.0)
    models.refresh()
    live = models.live(NAME)
    assert (live.version, live.shadow is not None, refused(models)) == (one.version, True, {})


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"number": 1}'])
def test_a_damaged_cache_is_no_hindrance(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, content: bytes
) -> None:
    put(store, one)
    replica(tmp_path, store).refresh()
    (tmp_path / "cache" / NAME / "generation.json").write_bytes(content)
    (tmp_path / "store").rename(tmp_path / "away")
    models = replica(tmp_path, store)
    models.refresh()
    assert models.live(NAME).version == SHIPPED_VERSION


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, store: VersionStore, one: LoadedVersion) -> None:
    (tmp_path / "cache").write_text("a file in its place")
    models = replica(tmp_path, store)
    put(store, one)
    models.refresh()
    assert models.live(NAME).version == SHIPPED_VERSION
    assert refused(models) == {NAME: "RESOURCE_EXHAUSTED"}


def test_a_full_cache_is_told_as_such_and_not_as_a_store_that_is_away(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    with small_disk(tmp_path / "cache", 1) as disk:
        (disk / "filler").write_bytes(bytes((1 << 20) - (16 << 10)))
        models = replica(tmp_path, store)
        put(store, one)
        models.refresh()
        assert refused(models) == {NAME: "RESOURCE_EXHAUSTED"}
        assert models.store_state is not None
        assert models.store_state.up is True


def test_an_unreadable_newest_record_is_told_and_the_one_before_goes_on(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    put(store, one)
    damaged = tmp_path / "store" / NAME / "generations" / "00000002.json"
    damaged.write_text("{")
    models = replica(tmp_path, store)
    models.refresh()
    assert models.live(NAME).version == one.version
    assert refused(models) == {NAME: "UNREADABLE_RECORD"}
    damaged.unlink()
    models.refresh()
    assert refused(models) == {}


def test_copies_of_versions_that_are_named_no_more_are_removed(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    for version in (one, two, None):
        put(store, version)
        models.refresh()
    assert {path.name for path in (tmp_path / "cache" / NAME).iterdir()} == {"generation.json"}


def test_a_refused_version_is_not_fetched_at_every_look(
    tmp_path: Path, store: VersionStore, one: LoadedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(tmp_path, one.version)
    put(store, one)
    models = LiveModels(shipped(tmp_path / "shipped"), store, ModelCache(tmp_path / "cache"), retry_s=60.0)
    fetched: list[str] = []
    fetch = store.fetch

    def counted(name: str, version: str, into: Path) -> None:
        fetched.append(version)
        fetch(name, version, into)

    monkeypatch.setattr(store, "fetch", counted)
    for _ in range(4):
        models.refresh()
    assert fetched == [one.version]


def test_a_store_that_hangs_does_not_hold_up_the_start(tmp_path: Path, store: VersionStore) -> None:
    models, release = replica(tmp_path, store), threading.Event()
    models.refresh = lambda: release.wait(30) and None  # type: ignore[method-assign]
    follower = Follower(models, 0.02)
    follower.start(0.1)
    assert models.live(NAME).version == SHIPPED_VERSION
    follower.stop()
    release.set()


def test_the_follower_looks_again_and_again_and_survives_what_goes_wrong(
    tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    models = replica(tmp_path, store)
    broken, looked = [True], threading.Event()
    refresh = models.refresh

    def refreshing() -> None:
        if broken.pop() if broken else False:
            raise RuntimeError
        refresh()
        looked.set()

    models.refresh = refreshing  # type: ignore[method-assign]
    put(store, one)
    follower = Follower(models, 0.02)
    follower.start(5)
    assert looked.wait(10)
    follower.stop()
    assert models.live(NAME).version == one.version
