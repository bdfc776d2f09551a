"""What a server says that it serves (FHIR R4 CapabilityStatement)."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tumorcast_clinical.adapters.fhir_server.session import Session
from tumorcast_clinical.adapters.fhir_server.transport import Failure
from tumorcast_core.errors import PayloadTooLarge


async def served_types(session: Session, base: httpx.URL) -> frozenset[str] | None:
    """Types of resources that the server lists; ``None`` if it does not say, or not readably."""
    try:
        statement = json.loads(await session.aside(base.join("metadata")))
        return listed_types(statement)
    except (Failure, PayloadTooLarge, ValueError, RecursionError):
        return None


def listed_types(statement: Any) -> frozenset[str] | None:
    """The types under ``rest`` with mode ``server``; ``None`` unless Patient, which it surely has, is among them.

    >>> sorted(listed_types({"rest": [{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Condition"}]}]}))
    ['Condition', 'Patient']
    """
    try:
        servers = [rest for rest in statement["rest"] if rest["mode"] == "server"]
        types = frozenset(str(resource["type"]) for rest in servers for resource in rest["resource"])
    except (KeyError, TypeError):
        return None
    return types if "Patient" in types else None
