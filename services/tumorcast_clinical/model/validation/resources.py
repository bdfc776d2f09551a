"""One resource against FHIR R4, alone, so that a bad one costs itself and not the Bundle.

``fhir.resources.R4B`` decides on structure and types. Most resources pass the quick acceptor that is compiled from the
same models; whatever it does not accept is shown to the model itself. ``flaws`` and ``bindings`` check what it lets
pass.
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.validation.bindings import binding_of
from tumorcast_clinical.model.validation.coercion import coerced_path
from tumorcast_clinical.model.validation.flaws import ELEMENT, flaw_of
from tumorcast_clinical.model.validation.quick import accepts
from tumorcast_clinical.model.validation.resource_types import model_of


def is_valid(entry: Entry, report: Report, max_depth: int) -> bool:
    """Whether the resource may be read; if not, an issue says why."""
    refusal = None if accepts(entry.resource, entry.type) else flaw_of(entry, max_depth) or _structure(entry)
    refusal = refusal or binding_of(entry)
    if refusal is not None:
        report.refuse(entry, refusal)
    return refusal is None


def _structure(entry: Entry) -> Refusal | None:
    model = model_of(entry.type)
    if model is None:
        return Refusal("UNKNOWN_RESOURCE_TYPE", "is of no type that can be read; it is not used.")
    try:
        kept = json.loads(model.model_validate(entry.resource).model_dump_json())
    except ValidationError as e:
        return Refusal("INVALID_RESOURCE", "is not valid FHIR R4; it is not used.", _where(e))
    except Exception:  # KeyError on an unknown contained type, RecursionError, TypeError, ...
        return Refusal("INVALID_RESOURCE", "cannot be validated as FHIR R4; it is not used.")
    path = coerced_path(entry.resource, kept)
    if path is not None:
        return Refusal("INVALID_RESOURCE", "has a value of the wrong JSON type; it is not used.", path)
    return None


def _where(error: ValidationError) -> str:
    """FHIRPath of the first complaint; a key that the standard does not know is not repeated."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    steps = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif ELEMENT.fullmatch(step):
            path += f".{step}" if path else step
    return path
