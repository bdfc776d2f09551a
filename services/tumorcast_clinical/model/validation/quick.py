"""A quick yes to usual resources, so that only the unusual ones cost a full validation with ``fhir.resources``."""

from __future__ import annotations

from functools import cache
from typing import Any

from tumorcast_clinical.model.validation.compile import object_check
from tumorcast_clinical.model.validation.lexical import Check
from tumorcast_clinical.model.validation.resource_types import model_of


@cache
def _check_of(type_name: str) -> Check:
    model = model_of(type_name)
    return object_check(model) if model is not None else lambda _: False


def accepts(resource: dict[str, Any], type_name: str) -> bool:
    """Whether the model of a resource type surely takes a resource; false means that the model is to be asked.

    Sound, not complete: where this is true, ``model_of(type_name).model_validate(resource)`` succeeds; besides, there
    is no modifier extension, implicit rule, null, lone surrogate, duplicate key, or empty object, array or string in
    the resource. Never raises; reads only.

    >>> accepts({"resourceType": "Patient", "birthDate": "1960-05"}, "Patient")
    True
    >>> accepts({"resourceType": "Patient", "birthDate": "1960-13"}, "Patient")
    False
    """
    try:
        return bool(_check_of(type_name)(resource))
    except Exception:  # a value of another type than the key asks for, a type that the library cannot load, ...
        return False
