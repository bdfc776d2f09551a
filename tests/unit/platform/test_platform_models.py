"""``tumorcast platform models`` on a folder: what it writes, what it refuses, and what a report must show."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.model_versions import published
from support.shadow_reports import compared, metrics_of, report_of
from tumorcast_core.errors import ClusterForbidden, ModelConflict, PromotionRefused, ServiceUnavailable
from tumorcast_core.prognosis import ModelRef
from tumorcast_fusion.adapters.model_store import VersionStore
from tumorcast_fusion.adapters.model_store.versions import LoadedVersion
from tumorcast_fusion.model.shadow import Comparison, ShadowReport
from tumorcast_platform.cli import run
from tumorcast_platform.cluster import models
from tumorcast_platform.cluster.models import Author, Limits
from tumorcast_platform.cluster.models_reports import gather, of_pods

OPS = Author("ops", "because")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def store(place: Path) -> VersionStore:
    return VersionStore(place)


@pytest.fixture
def one(tmp_path: Path, store: VersionStore) -> LoadedVersion:
    return store.push(published(tmp_path / "one", "1.0.0", seed=1))


@pytest.fixture
def two(tmp_path: Path, store: VersionStore) -> LoadedVersion:
    return store.push(published(tmp_path / "two", "2.0.0", seed=2))


@pytest.fixture
def command(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    def call(*words: str) -> tuple[int, dict[str, Any]]:
        status = run(["platform", "models", *words, "--store", str(place), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return call


def test_push_then_list_tells_the_version_and_that_the_shipped_one_answers(
    command: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    folder = published(tmp_path / "one", "1.0.0")
    status, pushed = command("push", str(folder))
    assert (status, pushed["name"], pushed["version"]) == (0, "tiny", f"1.0.0-{pushed['sha256'][:12]}")
    _, listed = command("list")
    (model,) = listed["models"]
    assert (model["name"], model["active"], model["versions"]) == ("tiny", "shipped", [pushed["version"]])


def test_a_folder_that_was_altered_is_not_pushed(
    command: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    folder = published(tmp_path / "one", "1.0.0")
    (folder / "card.md").write_text("altered")
    status, told = command("push", str(folder))
    assert (status, told["error"]["code"]) == (1, "UNSOUND_MODEL")
    assert command("list")[1] == {"models": []}


def test_forced_promotions_and_rollbacks_are_a_history(
    command: Callable[..., tuple[int, dict[str, Any]]], one: LoadedVersion, two: LoadedVersion
) -> None:
    for words in (
        ("promote", "tiny", "1.0.0", "--force", "--reason", "first of all", "--by", "ops"),
        ("shadow", "tiny", two.version),
        ("shadow", "tiny", "--off"),
        ("promote", "tiny", two.version, "--force", "--reason", "no time"),
        ("rollback", "tiny"),
        ("rollback", "tiny", "--to", "4", "--reason", "it was right after all"),
        ("rollback", "tiny", "--to", "1"),
    ):
        assert command(*words)[0] == 0
    records = command("history", "tiny")[1]["records"]
    assert [r["number"] for r in records] == [1, 2, 3, 4, 5, 6, 7]
    assert [r["active"][:5] for r in records] == ["1.0.0", "1.0.0", "1.0.0", "2.0.0", "1.0.0", "2.0.0", "1.0.0"]
    assert [bool(r["shadow"]) for r in records] == [False, True, False, False, False, False, False]
    assert [r["previous"][:5] for r in records] == ["shipp", "shipp", "shipp", "1.0.0", "2.0.0", "1.0.0", "2.0.0"]
    assert (records[0]["by"], records[0]["reason"], records[0]["evidence"]) == ("ops", "first of all", {"forced": True})
    assert records[5]["evidence"] == {"rolled_back_from": 5}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("promote", "tiny", "1.0.0", "--force"), "PROMOTION_REFUSED"),
        (("promote", "tiny", "9.9.9", "--force", "--reason", "x"), "UNKNOWN_MODEL"),
        (("promote", "none", "1.0.0", "--force", "--reason", "x"), "UNKNOWN_MODEL"),
        (("promote", "../x", "1.0.0", "--force", "--reason", "x"), "UNKNOWN_MODEL"),
        (("shadow", "tiny", "shipped"), "INVALID_INPUT"),
        (("rollback", "tiny"), "UNKNOWN_MODEL"),
        (("rollback", "tiny", "--to", "3"), "UNKNOWN_MODEL"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_no_record(
    command: Callable[..., tuple[int, dict[str, Any]]],
    one: LoadedVersion,
    store: VersionStore,
    words: tuple[str, ...],
    code: str,
) -> None:
    status, told = command(*words)
    assert (status, told["error"]["code"]) == (1, code)
    assert store.newest("tiny") == (None, False)


@pytest.mark.parametrize("words", [("shadow", "tiny"), ("shadow", "tiny", "1.0.0", "--off"), ("push", "/nowhere")])
def test_wrong_usage_ends_with_two(command: Callable[..., tuple[int, dict[str, Any]]], words: tuple[str, ...]) -> None:
    assert command(*words)[0] == 2


def test_a_damaged_version_is_neither_promoted_nor_rolled_back_to(
    command: Callable[..., tuple[int, dict[str, Any]]], place: Path, one: LoadedVersion, two: LoadedVersion
) -> None:
    force = ("--force", "--reason", "x")
    command("promote", "tiny", "1.0.0", *force)
    command("promote", "tiny", "2.0.0", *force)
    (place / "tiny" / one.version / "card.md").write_text("altered")
    for words in (("rollback", "tiny"), ("promote", "tiny", "1.0.0", *force), ("shadow", "tiny", "1.0.0")):
        assert command(*words)[1]["error"]["code"] == "UNSOUND_MODEL"
    assert command("history", "tiny")[1]["records"][-1]["active"] == two.version


def test_versions_of_one_number_must_be_told_apart(
    command: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path, store: VersionStore, one: LoadedVersion
) -> None:
    other = store.push(published(tmp_path / "other", "1.0.0", seed=9))
    assert command("shadow", "tiny", "1.0.0")[1]["error"]["code"] == "INVALID_INPUT"
    assert command("shadow", "tiny", other.version)[1]["shadow"] == other.version


def test_of_two_who_promote_at_once_one_is_told_of_the_other(
    store: VersionStore, place: Path, one: LoadedVersion, two: LoadedVersion
) -> None:
    barrier, outcomes = threading.Barrier(2), list[str]()

    def go(version: LoadedVersion) -> None:
        own = VersionStore(place)
        sha256 = own.reference("tiny", version.version).sha256
        seen = own.history("tiny").newest
        barrier.wait(10)
        try:
            models._write(own, "tiny", seen, OPS, active=version.version, active_sha256=sha256)
        except ModelConflict:
            outcomes.append("lost")
            return
        outcomes.append(version.version)

    threads = [threading.Thread(target=go, args=(version,)) for version in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    newest = store.history("tiny")
    assert sorted(o == "lost" for o in outcomes) == [False, True]
    assert [r.active for r in newest.records] == [o for o in outcomes if o != "lost"]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (report_of(compared()), []),
        (report_of(compared(199)), ["199 answers were compared; 200 are needed"]),
        (report_of(compared(shift=-0.06)), ["moves by -0.060"]),
        (report_of(compared(shift=0.04)), []),
        (report_of(compared(flips=20)), []),
        (report_of(compared(flips=21)), ["5.2% of the decisions flip"]),
        (report_of(compared(shadow_abstained=22)), ["alone abstains on 5.2%"]),
        (report_of(compared(active_abstained=300, both_abstained=300)), []),
        (report_of(compared(incomparable=1)), ["1 calls the two could not be compared"]),
        (report_of(compared(), failed=4), []),
        (report_of(compared(), failed=5), ["failed on 1.2%"]),
        (report_of(compared(), seconds=(1.0, 6.0)), ["6.0 times as long"]),
        (report_of(compared(10, shift=0.5)), ["10 answers", "moves by +0.500"]),
        (ShadowReport(ModelRef("tiny", "1", "a"), None), ["asked nothing"]),
        (report_of(Comparison(), failed=3), ["failed on 100.0%", "0 answers were compared"]),
        (ShadowReport(ModelRef("tiny", "1", "a"), None, scored=300), ["No answer of the shadow was compared"]),
    ],
)
def test_what_speaks_against_a_promotion_is_told(report: ShadowReport, words: list[str]) -> None:
    told = list(models.objections(report, Limits()))
    assert len(told) == len(words)
    assert all(word in sentence for word, sentence in zip(words, told, strict=True))


def shadowing(one: LoadedVersion, two: LoadedVersion, generation: int, **changes: Any) -> ShadowReport:
    report = report_of(compared(**changes))
    report.active, report.shadow, report.generation = one.model.ref, two.model.ref, generation
    return report


class Pods:
    """A cluster that has these pods, each with its metrics or the error that asking it raises."""

    def __init__(self, pods: dict[str, str | Exception], phases: dict[str, str] | None = None) -> None:
        self._pods, self._phases, self.selectors = pods, phases or {}, list[str]()

    def list(self, kind: str, *, selector: str = "") -> list[dict[str, Any]]:
        assert kind == "Pod"
        self.selectors.append(selector)
        return [
            {"metadata": {"name": name}, "status": {"phase": self._phases.get(name, "Running")}} for name in self._pods
        ]

    def proxy(self, kind: str, name: str, port: int, path: str) -> bytes:
        assert (kind, port, path) == ("Pod", 9464, "metrics")
        found = self._pods[name]
        if isinstance(found, Exception):
            raise found
        return found.encode()


def test_reports_of_all_pods_are_added_up_and_those_behind_or_silent_are_told(
    one: LoadedVersion, two: LoadedVersion
) -> None:
    pods = Pods(
        {
            "a": metrics_of(shadowing(one, two, 3, count=100)),
            "b": metrics_of(shadowing(one, two, 3, count=50)),
            "old": metrics_of(shadowing(two, one, 2, count=70)),
            "none": "",
            "broken": "{",
            "forbidden": ClusterForbidden("The role lacks get on pods/proxy."),
            "pending": ServiceUnavailable(),
        },
        {"pending": "Pending"},
    )
    found = gather(of_pods(pods, "demo"), "tiny")  # type: ignore[arg-type]
    assert pods.selectors == ["app.kubernetes.io/name=fusion,app.kubernetes.io/instance=demo"]
    assert [r.name for r in found.replicas] == ["a", "b", "old", "none", "broken", "forbidden"]
    assert [r.name for r in found.counted] == ["a", "b"]
    assert found.total is not None
    assert found.total.comparisons["response"].compared == 150
    assert [r.failure for r in found.replicas if r.failure] == [
        "The metrics of a fusion replica cannot be read.",
        "The role lacks get on pods/proxy.",
    ]


def test_where_no_replica_tells_its_metrics_there_is_no_report() -> None:
    empty: Iterator[Any] = iter(())
    with pytest.raises(ServiceUnavailable, match="none was found"):
        gather(empty, "tiny")


@pytest.fixture
def shadowed(store: VersionStore, one: LoadedVersion, two: LoadedVersion) -> int:
    models.promote(store, "tiny", one.version, OPS, None, Limits())
    return models.set_shadow(store, "tiny", two.version, OPS).number


def test_a_good_report_promotes_and_is_kept_as_evidence(
    store: VersionStore, one: LoadedVersion, two: LoadedVersion, shadowed: int
) -> None:
    record = models.promote(store, "tiny", two.version, OPS, shadowing(one, two, shadowed), Limits())
    assert (record.number, record.active, record.shadow, record.previous) == (3, two.version, "", one.version)
    assert record.evidence["forced"] is False
    assert record.evidence["endpoints"]["response"]["compared"] == 400  # type: ignore[index,call-overload]
    assert store.newest("tiny") == (record, False)


@pytest.mark.parametrize(
    ("generation", "swapped", "changes", "words"),
    [
        (1, False, {}, "do not follow the newest record"),
        (2, True, {}, "another shadow"),
        (2, False, {"count": 10}, "200 are needed"),
    ],
)
def test_a_report_of_something_else_does_not_promote(
    store: VersionStore,
    one: LoadedVersion,
    two: LoadedVersion,
    shadowed: int,
    generation: int,
    swapped: bool,
    changes: dict[str, Any],
    words: str,
) -> None:
    pair = (two, one) if swapped else (one, two)
    with pytest.raises(PromotionRefused, match=words):
        models.promote(store, "tiny", two.version, OPS, shadowing(*pair, generation, **changes), Limits())
    assert store.history("tiny").next_number == shadowed + 1


def test_the_shipped_version_is_not_promoted_by_the_report_of_another_one(
    store: VersionStore, one: LoadedVersion, two: LoadedVersion, shadowed: int
) -> None:
    with pytest.raises(PromotionRefused, match="of another version"):
        models.promote(store, "tiny", "shipped", OPS, shadowing(one, two, shadowed), Limits())
    again = models.set_shadow(store, "tiny", "shipped", OPS)
    assert (
        models.promote(store, "tiny", "shipped", OPS, shadowing(one, two, again.number), Limits()).active == "shipped"
    )


def test_pages_are_read_by_people(
    place: Path, one: LoadedVersion, two: LoadedVersion, shadowed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["platform", "models", "list", "--store", str(place)]) == 0
    assert one.version in capsys.readouterr().out
    assert run(["platform", "models", "history", "tiny", "--store", str(place)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"2: {one.version}, shadow {two.version}"
    assert "by ops" in told[1]
