"""A file of features that the caller already has: JSON or CSV, checked against the catalog."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput, TumorcastError
from tumorcast_core.snapshot import Feature

_COLUMNS = frozenset({"name", "value", "unit", "effective", "timepoint"})
_OF_EXTRACTION = frozenset({"coding", "source", "sources", "comparator", "status", "formula"})


def read_features(file: Path) -> tuple[Feature, ...]:
    """Read features from a ``.csv`` file or from JSON.

    CSV has a header with ``name,value`` and any of ``unit,effective,timepoint``; JSON is a list of such objects, one
    object ``{name: value}``, or what ``tumorcast clinical extract --json`` prints. An absent unit means the catalog's.
    Raises ``InvalidInput`` or one of its kinds.
    """
    text = _text(file)
    rows = list(csv.DictReader(io.StringIO(text))) if file.suffix.lower() == ".csv" else _json_rows(text)
    return tuple(_feature(position, row) for position, row in enumerate(rows))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise InvalidInput("The features file is not text in UTF-8.") from e


def _json_rows(text: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise InvalidInput("The features file is neither JSON nor named .csv.") from e
    if isinstance(content, dict) and isinstance(content.get("features"), list):
        return [_of_extraction(row) for row in content["features"]]
    if isinstance(content, dict):
        return [{"name": name, "value": value} for name, value in content.items()]
    if isinstance(content, list):
        return content
    raise InvalidInput("The features file must hold a list of features or an object {name: value}.")


def _of_extraction(row: Any) -> Any:
    """A feature as ``clinical extract`` prints it, its category as its value."""
    if not isinstance(row, dict) or "category" not in row:
        return row
    return {"value": row["category"], **{key: value for key, value in row.items() if key != "category"}}


def _feature(position: int, row: Any) -> Feature:
    """One checked feature; the error says which row, never what it holds."""
    try:
        if not isinstance(row, Mapping) or not {"name", "value"} <= row.keys() <= _COLUMNS | _OF_EXTRACTION:
            raise InvalidInput(f"it must have name and value, and may have {', '.join(sorted(_COLUMNS))}.")
        known = entry(str(row["name"]))
        value = _value(row["value"], categorical=bool(known.categories))
        known.check(value, str(row.get("unit") or known.unit))
        return known.make(
            value,
            effective=str(row.get("effective") or ""),
            timepoint=str(row.get("timepoint") or ""),
            source=str(row.get("source") or "caller"),
            comparator=str(row.get("comparator") or ""),
            status=str(row.get("status") or ""),
            formula=str(row.get("formula") or ""),
            sources=tuple(map(str, row.get("sources") or ())),
        )
    except TumorcastError as e:
        raise type(e)(f"Feature {position + 1} of the features file: {e.message}") from e


def _value(value: Any, *, categorical: bool) -> float | str:
    if categorical:
        return str(value)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as e:
        raise InvalidInput("its value must be a number.") from e
