"""Which version of a model is to answer: what a shadow must have shown, and the records that are written of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tumorcast_core.errors import InvalidInput, ModelConflict, PromotionRefused, UnknownModel
from tumorcast_fusion.adapters.model_store import History, VersionStore
from tumorcast_fusion.model.generation import SHIPPED_VERSION, Generation, digest_in
from tumorcast_fusion.model.shadow import Comparison, ShadowReport


@dataclass(frozen=True, slots=True)
class Limits:
    """What a shadow must keep to before it is promoted; shares are of calls, the shift is one of probabilities."""

    comparisons: int = 200
    failures: float = 0.01
    shift: float = 0.05
    flips: float = 0.05
    abstentions: float = 0.05
    time_ratio: float = 5.0


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes what answers, and why."""

    by: str
    reason: str = ""


def objections(report: ShadowReport, limits: Limits) -> Iterator[str]:
    """What speaks against a promotion, in sentences; nothing where nothing does."""
    if report.scored + report.failed == 0:
        yield "The shadow has been asked nothing yet."
        return
    if not report.comparisons:
        yield "No answer of the shadow was compared with one of the active version."
    if report.failure_share > limits.failures:
        yield f"The shadow failed on {report.failure_share:.1%} of its calls; {limits.failures:.1%} are allowed."
    if report.time_ratio > limits.time_ratio:
        yield f"The shadow takes {report.time_ratio:.1f} times as long; {limits.time_ratio:g} times are allowed."
    for endpoint, found in sorted(report.comparisons.items()):
        yield from (f"{endpoint}: {text}" for text in _of_endpoint(found, limits))


def _of_endpoint(found: Comparison, limits: Limits) -> Iterator[str]:
    if found.incomparable:
        yield f"on {found.incomparable} calls the two could not be compared."
    if found.compared < limits.comparisons:
        yield f"{found.compared} answers were compared; {limits.comparisons} are needed."
    asked = found.calls - found.incomparable
    if asked and found.shadow_abstained / asked > limits.abstentions:
        share = found.shadow_abstained / asked
        yield f"the shadow alone abstains on {share:.1%} of the calls; {limits.abstentions:.1%} are allowed."
    if not found.compared:
        return
    if abs(found.mean_difference) > limits.shift:
        yield f"the mean moves by {found.mean_difference:+.3f}; {limits.shift:g} is allowed."
    if found.flips / found.compared > limits.flips:
        yield f"{found.flips / found.compared:.1%} of the decisions flip; {limits.flips:.1%} are allowed."


def figures(report: ShadowReport) -> dict[str, Any]:
    """A report as JSON: what a record keeps as evidence; what is not known is null."""
    return {
        "scored": report.scored,
        "failed": report.failed,
        "dropped": report.dropped,
        "time_ratio": _known(report.time_ratio),
        "endpoints": {name: _figures(found) for name, found in sorted(report.comparisons.items())},
    }


def _figures(found: Comparison) -> dict[str, Any]:
    counts = ("compared", "active_abstained", "shadow_abstained", "both_abstained", "incomparable", "flips", "sets")
    return {
        **{name: getattr(found, name) for name in (*counts, "set_changes")},
        "active_mean": _known(found.active_mean if found.compared else math.nan),
        "mean_difference": _known(found.mean_difference),
        "difference_sd": _known(found.difference_sd),
        "difference_p05": _known(found.quantile(0.05)),
        "difference_p50": _known(found.quantile(0.5)),
        "difference_p95": _known(found.quantile(0.95)),
        "correlation": _known(found.correlation),
        "kendall_tau": _known(found.tau),
    }


def _known(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def version_of(store: VersionStore, name: str, wanted: str) -> str:
    """The version that is meant: its whole name in the store, the one of that number, or ``shipped``.

    Raises ``UnknownModel``, and ``InvalidInput`` where several have that number.
    """
    if wanted == SHIPPED_VERSION:
        return wanted
    there = store.versions(name)
    found = [v for v in there if v == wanted] or [v for v in there if v.rpartition("-")[0] == wanted]
    if not found:
        raise UnknownModel(f"The store has no such version of the model; it has: {', '.join(there) or 'none'}.")
    if len(found) > 1:
        raise InvalidInput(f"Several versions have that number: {', '.join(found)}.")
    return found[0]


def set_shadow(store: VersionStore, name: str, version: str, author: Author) -> Generation:
    """Have a version asked beside the one that answers; an empty one: none. Raises as ``VersionStore``."""
    newest = store.history(name).newest
    if version == (newest.active if newest else SHIPPED_VERSION):
        raise InvalidInput("That version answers already.")
    return _write(
        store, name, newest, author,
        active=newest.active if newest else SHIPPED_VERSION, active_sha256=newest.active_sha256 if newest else "",
        shadow=version, shadow_sha256=_sha256(store, name, version), previous=newest.previous if newest else "",
    )  # fmt: skip


def promote(
    store: VersionStore, name: str, version: str, author: Author, report: ShadowReport | None, limits: Limits
) -> Generation:
    """Have a version answer; without a ``report`` it is forced, and the author must give a reason.

    Raises ``PromotionRefused`` with all that speaks against it; the record keeps the figures that it rests on.
    """
    newest = store.history(name).newest
    if newest and newest.active == version:
        raise InvalidInput("That version answers already.")
    sha256 = _sha256(store, name, version)
    if report is None:
        if not author.reason.strip():
            raise PromotionRefused("To promote without a shadow's report needs a reason: give --reason.")
        evidence: dict[str, Any] = {"forced": True}
    else:
        _check(report, newest, version, sha256)
        if against := list(objections(report, limits)):
            raise PromotionRefused(" ".join(against))
        evidence = {"forced": False, **figures(report)}
    return _write(
        store, name, newest, author,
        active=version, active_sha256=sha256, previous=newest.active if newest else SHIPPED_VERSION, evidence=evidence,
    )  # fmt: skip


def _check(report: ShadowReport, newest: Generation | None, version: str, sha256: str) -> None:
    """Raise ``PromotionRefused`` unless the report is of these very versions, as the newest record has them."""
    if report.shadow is None or (sha256 and report.shadow.sha256 != sha256):
        raise PromotionRefused("The replicas have another shadow, or none: see `shadow` and `report`.")
    if newest is None or report.generation != newest.number:
        raise PromotionRefused("The replicas do not follow the newest record yet; ask again in a while.")
    if newest.shadow != version:  # the shipped version is told by no sha256
        raise PromotionRefused("The report is of another version: that one is not the shadow.")
    if newest.active_sha256 and report.active.sha256 != newest.active_sha256:
        raise PromotionRefused("The replicas answer with another version than the newest record names.")


def roll_back(store: VersionStore, name: str, author: Author, to: int | None = None) -> Generation:
    """Have the version answer that did before, or did in generation ``to``: one more record."""
    history = store.history(name)
    newest = history.newest
    if newest is None:
        raise UnknownModel("The store has no record of that model: nothing to go back from.")
    target = newest.previous if to is None else _recorded(history, to).active
    if not target:
        raise InvalidInput("No version answered before this one.")
    if target == newest.active:
        raise InvalidInput("That version answers already.")
    return _write(
        store, name, newest, author,
        active=target, active_sha256=_sha256(store, name, target), previous=newest.active,
        evidence={"rolled_back_from": newest.number},
    )  # fmt: skip


def _recorded(history: History, number: int) -> Generation:
    for record in history.records:
        if record.number == number:
            return record
    raise UnknownModel("The model has no record of that number that can be read.")


def _sha256(store: VersionStore, name: str, version: str) -> str:
    """The whole sha256 of a version of the store, which is verified; empty for the shipped one and for none."""
    return store.reference(name, version).sha256 if digest_in(version) else ""


def _write(store: VersionStore, name: str, seen: Generation | None, author: Author, **what: Any) -> Generation:
    """Write the record after the one that was decided on; raises ``ModelConflict`` where there is another by now."""

    def make(history: History, number: int) -> Generation:
        if history.newest != seen:
            raise ModelConflict
        at = datetime.now(UTC).isoformat()
        return Generation(number=number, model=name, by=author.by[:200], at=at, reason=author.reason[:2000], **what)

    return store.append(name, make)
