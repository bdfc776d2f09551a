"""What a reader of an evaluation must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tumorcast_fusion.model.manifest import Manifest
from tumorcast_training.tables import TableCohort

FEW_EVENTS = 100
_MANY_ABSTAINED = 0.1
_SOURCE = "Collins, Ogundimu and Altman 2016, Stat Med 35:214"


def warnings_of(
    found: Mapping[str, Any], manifest: Manifest, table: TableCohort, *, trained_on_these: bool
) -> list[dict[str, str]]:
    """Warnings as code and message."""
    raised = (
        *_about_training(trained_on_these),
        *_about_the_table(found, manifest, table),
        *_about_endpoints(found["endpoints"]),
    )
    return [{"code": code, "message": message} for code, message in raised]


def _about_training(trained_on_these: bool) -> Iterator[tuple[str, str]]:
    if trained_on_these:
        yield (
            "TRAINING_ROWS",
            "The model was trained on these very rows: the scores are too good. Out-of-fold scores are in its card.",
        )
    else:
        yield (
            "TRAINING_ROWS_UNKNOWN",
            "Whether the model was trained on some of these rows cannot be told; scores of such rows are too good.",
        )


def _about_the_table(found: Mapping[str, Any], manifest: Manifest, table: TableCohort) -> Iterator[tuple[str, str]]:
    refused = sum(sum(column.refused.values()) for column in table.columns)
    if refused:
        yield "CELLS_REFUSED", f"{refused} cells could not be used and count as missing; columns.read says why."
    if unseen := sum(found["unseen_categories"].values()):
        yield "UNSEEN_CATEGORIES", f"{unseen} values are categories that the model has not seen; they were not used."
    if found["abstained"]["rows"] > _MANY_ABSTAINED * found["rows"]:
        share = found["abstained"]["rows"] / found["rows"]
        yield "MANY_ABSTAINED", f"The model abstains on {share:.0%} of the rows: these are other patients than its own."
    for spec in manifest.endpoints:
        if spec.id not in found["endpoints"]:
            yield "ENDPOINT_NOT_SCORED", f"{spec.id} is not scored: the table lacks its outcome columns."


def _about_endpoints(endpoints: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, scores in endpoints.items():
        several = "events" not in scores["scores"]
        for question, of_it in scores["scores"].items() if several else [("", scores["scores"])]:
            fewer = min(of_it["events"], of_it.get("non_events", of_it["events"]))
            if fewer < FEW_EVENTS:
                about = f"{name}, {question}" if question else name
                yield "FEW_EVENTS", f"{about}: {fewer} events or non-events, fewer than {FEW_EVENTS} ({_SOURCE})."
