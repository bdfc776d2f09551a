"""The JSON answers of the REST door ↔ the domain; the documents themselves are the gateway's own."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from tumorcast_api import answers as a
from tumorcast_core import prognosis as p
from tumorcast_core.errors import ServiceUnavailable

_PROGNOSIS = TypeAdapter(p.Prognosis)
_MODEL = TypeAdapter(p.ModelSummary)
_ESTIMATES: dict[str, TypeAdapter[Any]] = {key: TypeAdapter(kind) for key, kind in a.ESTIMATES.items()}


def prognosis_from_json(document: bytes) -> p.Prognosis:
    """Read an answer; raises ``ServiceUnavailable`` where it is none."""
    try:
        found = a.PrognosisAnswer.model_validate_json(document).model_dump()
        for endpoint in found["endpoints"]:
            endpoint["estimate"] = _estimate(endpoint)
        return _PROGNOSIS.validate_python(found)
    except ValidationError as e:
        raise ServiceUnavailable("The server's answer is not a prognosis.") from e


def prognosis_to_json(prognosis: p.Prognosis) -> dict[str, object]:
    """Write the very document that the REST door answers with."""
    return a.PrognosisAnswer.of(prognosis).model_dump(mode="json")


def model_from_json(document: bytes) -> p.ModelSummary:
    """Read the description of a model; raises ``ServiceUnavailable`` where it is none."""
    try:
        return _MODEL.validate_python(a.ModelAnswer.model_validate_json(document).model_dump())
    except ValidationError as e:
        raise ServiceUnavailable("The server's answer does not describe a model.") from e


def model_to_json(model: p.ModelSummary) -> dict[str, object]:
    """Write the very document that the REST door describes a model with."""
    return a.ModelAnswer.of(model).model_dump(mode="json")


def _estimate(endpoint: dict[str, Any]) -> Any:
    """The estimate, which the document keeps under the name of its kind; ``None`` if it abstained."""
    return next((kind.validate_python(endpoint[key]) for key, kind in _ESTIMATES.items() if endpoint[key]), None)
