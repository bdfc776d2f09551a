"""The models that this replica answers with: the shipped ones, or the versions that a model store names."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tumorcast_core.errors import ModelStoreUnavailable, TumorcastError, UnknownModel
from tumorcast_core.prognosis import ModelCard, ModelRef
from tumorcast_fusion.adapters.cached_models import ModelCache
from tumorcast_fusion.adapters.model_store import VersionStore
from tumorcast_fusion.adapters.model_store.versions import LoadedVersion
from tumorcast_fusion.model import Model, ModelStore
from tumorcast_fusion.model.generation import NAME, SHIPPED_VERSION, Generation

log = logging.getLogger(__name__)
UNREADABLE = "UNREADABLE_RECORD"
_LONGEST_WAIT_S = 600.0
HUNG_S = 120.0
"""A look at the store that has not ended by then is told as one that failed: a network share may hang for ever."""


@dataclass(frozen=True, slots=True)
class ShadowVersion:
    """A version that is asked beside the one that answers: which, and where its verified files lie."""

    ref: ModelRef
    folder: Path


@dataclass(frozen=True, slots=True)
class Live:
    """What answers under one name, and what is asked beside it; ``generation`` 0: no record names it."""

    active: Model
    card: ModelCard | None = None
    shadow: ShadowVersion | None = None
    generation: int = 0
    version: str = SHIPPED_VERSION

    @property
    def place(self) -> str:
        """``shipped`` or ``store``."""
        return SHIPPED_VERSION if self.version == SHIPPED_VERSION else "store"


@dataclass(slots=True)
class _Refused:
    """A record that could not be followed as a whole: why, and when it is tried again."""

    number: int
    code: str
    wait_s: float
    again_at: float


@dataclass(frozen=True, slots=True)
class StoreState:
    """How this replica stands to its store.

    ``read_at`` is when it was read well last (Unix time; 0: never), ``up`` whether the last try went well;
    ``refused``: model → reason code why its newest record is not followed.
    """

    read_at: float = 0.0
    up: bool | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


class LiveModels:
    """Models by name, swapped whole: a call goes on with the one that it began with.

    Only ``refresh`` changes anything, and only one thread may call it.
    """

    def __init__(
        self,
        shipped: ModelStore,
        store: VersionStore | None = None,
        cache: ModelCache | None = None,
        retry_s: float = 30.0,
    ) -> None:
        self._shipped, self._store, self._cache, self._retry_s = shipped, store, cache, retry_s
        self._live: Mapping[str, Live] = {}
        self._followed: dict[str, Generation] = {}
        self._refused: dict[str, _Refused] = {}
        self._damaged: set[str] = set()
        self._state = StoreState()
        self._restored: set[str] | None = None
        self._looking_since: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all models, sorted."""
        return tuple(sorted({*self._shipped.names, *self._live}))

    @property
    def store_state(self) -> StoreState | None:
        """How this replica stands to its store; ``None`` without one."""
        since = self._looking_since
        hung = since is not None and time.monotonic() - since > HUNG_S
        return (replace(self._state, up=False) if hung else self._state) if self._store else None

    def live(self, name: str) -> Live:
        """What answers under a name; raises ``UnknownModel``."""
        found = self._live.get(name)
        if found:
            return found
        if not re.fullmatch(NAME, name) or name not in self._shipped.names:
            raise UnknownModel(f"There is no model of that name; there are: {', '.join(self.names) or 'none'}.")
        return Live(self._shipped.get(name))

    def card(self, name: str) -> ModelCard:
        """The card of a model; raises ``UnknownModel``, also for a model that has none."""
        found = self.live(name)
        if found.version == SHIPPED_VERSION:
            return self._shipped.card(name)
        if found.card is None:
            raise UnknownModel("The model has no card.")
        return found.card

    def list(self) -> tuple[Live, ...]:
        """All models, loaded, by name."""
        return tuple(self.live(name) for name in self.names)

    def refresh(self) -> None:
        """Look once at the store and follow it; whatever goes wrong, what answered before goes on.

        What was followed last is taken from the cache before the store is asked for the first time: it may not answer.
        """
        if self._store is None or self._cache is None:
            return
        self._looking_since = time.monotonic()
        try:
            if self._restored is None:
                self._restored = set(self._restore(self._cache))
            self._look_at_all(self._store)
        finally:
            self._looking_since = None

    def _look_at_all(self, store: VersionStore) -> None:
        failures = list(self._failures(store))
        if failures and self._state.up is not False:
            log.warning("the model store does not answer; the models in service go on: %s", failures[0].message)
        self._tell(up=not failures)

    def _failures(self, store: VersionStore) -> Iterator[ModelStoreUnavailable]:
        """Look at every model; what the store does not tell of one is no reason not to ask for the next."""
        try:
            names = store.names()
        except ModelStoreUnavailable as e:
            yield e
            return
        for name in (self._restored or set()) - {*names}:
            self._forget(name)
        for name in names:
            try:
                self._look(store, name)
            except ModelStoreUnavailable as e:
                yield e

    def _tell(self, *, up: bool) -> None:
        if up and self._state.up is False:
            log.info("the model store answers again")
        refused = dict.fromkeys(self._damaged, UNREADABLE) | {name: r.code for name, r in self._refused.items()}
        self._state = StoreState(time.time() if up else self._state.read_at, up, refused)

    def _restore(self, cache: ModelCache) -> Iterator[str]:
        """Follow what was followed last, from the cache alone; gives the names of those models."""
        for record in cache.remembered():
            self._follow(None, record)
            if self._refused.pop(record.model, None):
                self._followed.pop(record.model, None)  # the store is asked for it
            yield record.model

    def _forget(self, name: str) -> None:
        """Leave what the cache told of a model: the store, which may be another one by now, tells nothing of it."""
        self._live = {other: live for other, live in self._live.items() if other != name}
        self._followed.pop(name, None)
        (self._restored or set()).discard(name)

    def _look(self, store: VersionStore, name: str) -> None:
        record, damaged = store.newest(name)
        if damaged and name not in self._damaged:
            log.error("the newest record of %s cannot be read; the one before counts", name)
        (self._damaged.add if damaged else self._damaged.discard)(name)
        if self._restored and name in self._restored and not damaged:
            self._restored.discard(name)
            if record is None or record.number < self._number(name):
                self._forget(name)
        followed, refused = self._followed.get(name), self._refused.get(name)
        if record is None or (followed and record.number < followed.number):
            return  # records are never deleted: what was followed goes on
        if refused and refused.number == record.number and time.monotonic() < refused.again_at:
            return
        if record != followed or refused:
            self._follow(store, record)

    def _number(self, name: str) -> int:
        followed = self._followed.get(name)
        return followed.number if followed else 0

    def _follow(self, store: VersionStore | None, record: Generation) -> None:
        name, cache = record.model, self._cache
        if cache is None:
            return
        before = self._live.get(name)
        try:
            active = self._active(store, cache, record, before)
        except TumorcastError as e:
            if isinstance(e, ModelStoreUnavailable) and store:
                raise
            self._refuse(name, record.number, e.reason)
            log.error("generation %d of %s is not taken: %s", record.number, name, e.message)
            return
        shadow = self._shadow(store, cache, record, before)
        self._live = {**self._live, name: Live(active.model, active.card, shadow, record.number, active.version)}
        self._followed[name] = record
        log.info("%s answers with %s since generation %d", name, active.version, record.number)
        cache.remember(record)
        if store:
            cache.prune(name, (record.active, record.shadow, record.previous))

    def _active(
        self, store: VersionStore | None, cache: ModelCache, record: Generation, before: Live | None
    ) -> LoadedVersion:
        if record.active == SHIPPED_VERSION:
            return LoadedVersion(SHIPPED_VERSION, self._shipped.get(record.model), None)
        if before and (before.version, before.active.ref.sha256) == (record.active, record.active_sha256):
            return LoadedVersion(before.version, before.active, before.card)
        return cache.load(store, record.model, record.active, record.active_sha256)

    def _shadow(
        self, store: VersionStore | None, cache: ModelCache, record: Generation, before: Live | None
    ) -> ShadowVersion | None:
        try:
            found = self._shadow_of(store, cache, record, before)
        except TumorcastError as e:
            self._refuse(record.model, record.number, e.reason)
            log.error("the shadow of generation %d of %s is not taken: %s", record.number, record.model, e.message)
            return None
        self._refused.pop(record.model, None)
        return found

    def _shadow_of(
        self, store: VersionStore | None, cache: ModelCache, record: Generation, before: Live | None
    ) -> ShadowVersion | None:
        if not record.shadow:
            return None
        if record.shadow == SHIPPED_VERSION:
            return ShadowVersion(self._shipped.get(record.model).ref, self._shipped.folder(record.model))
        if before and before.shadow and before.shadow.ref.sha256 == record.shadow_sha256:
            return before.shadow
        return ShadowVersion(*cache.obtain(store, record.model, record.shadow, record.shadow_sha256))

    def _refuse(self, name: str, number: int, code: str) -> None:
        """Keep why a record is not followed, and try again later and later: a copy may yet become whole."""
        before = self._refused.get(name)
        wait_s = min(2 * before.wait_s, _LONGEST_WAIT_S) if before and before.number == number else self._retry_s
        self._refused[name] = _Refused(number, code, wait_s, time.monotonic() + wait_s)


class Follower:
    """Refreshes in a thread of its own, at once and then every ``poll_s`` seconds."""

    def __init__(self, models: LiveModels, poll_s: float) -> None:
        self._models, self._poll_s = models, poll_s
        self._stop, self._looked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-store", daemon=True)

    def start(self, wait_s: float) -> None:
        """Begin; returns when the store was looked at once, or after ``wait_s`` seconds."""
        self._thread.start()
        if not self._looked.wait(wait_s):
            log.warning("the model store has not answered yet; the shipped models are served")

    def stop(self) -> None:
        """End after the look that is under way; does not wait for it."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._models.refresh()
            except Exception:  # the boundary: a poll that fails must not be the last
                log.exception("the model store could not be followed")
            self._looked.set()
            self._stop.wait(self._poll_s)
