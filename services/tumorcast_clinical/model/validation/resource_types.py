"""The resource types of FHIR R4, each loaded when it is first met: all 140 at once would take seconds."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

_NO_ENTRY = frozenset({"Resource", "DomainResource", "Bundle"})


@lru_cache(maxsize=1024)
def model_of(name: str) -> Any | None:
    """Find the validating model of a resource type; ``None`` if there is no such type, or it is abstract or a Bundle.

    >>> model_of("Observation").__name__, model_of("Quantity")
    ('Observation', None)
    """
    try:
        model = get_fhir_model_class(name)
        return model if model.has_resource_base() and name not in _NO_ENTRY else None
    except Exception:  # the library raises KeyError, ValueError, AttributeError and others on a foreign name
        return None


def is_resource_type(name: str) -> bool:
    """Whether FHIR R4 has a resource type of that name, other than a Bundle.

    >>> is_resource_type("Observation"), is_resource_type("Jane")
    (True, False)
    """
    return model_of(name) is not None
