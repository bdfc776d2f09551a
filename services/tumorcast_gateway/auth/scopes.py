"""SMART scopes → permissions (SMART App Launch 2.2, "Scopes and launch context"; 1.0 for ``.read`` and ``.write``).

A RiskAssessment stands for whatever this service makes of a patient; other types grant nothing here.

=======================================  ===================================================================
scope, of ``*`` or ``RiskAssessment``     permission
=======================================  ===================================================================
``.read``, ``.rs``                        READ; of ``*`` PREDICT too, for its bearer sees all that goes in
``.write``, ``.cu``                       WRITE
``.write``, ``.c``                        PREDICT
the admin scope                           ADMIN
=======================================  ===================================================================

A scope that narrows further than its type (``patient/*.rs?category=laboratory``) grants nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tumorcast_gateway.model.caller import Permission

_SCOPE = re.compile(r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]{1,63})\.(?P<may>[a-z]+|\*)")
_V2 = re.compile(r"(?=.)c?r?u?d?s?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Granted:
    """What scopes allow for the patient in context, and for all patients."""

    one_patient: frozenset[Permission] = frozenset()
    all_patients: frozenset[Permission] = frozenset()


def granted(
    scopes: Iterable[str], admin_scope: str, contexts: Collection[str] = ("patient", "user", "system")
) -> Granted:
    """Read scopes; those that are unknown, or of another context than ``contexts``, grant nothing.

    >>> sorted(granted(["patient/*.read"], "tumorcast/admin").one_patient)
    [<Permission.PREDICT: 'predict'>, <Permission.READ: 'read'>]
    >>> granted(["system/*.rs?_security=N"], "tumorcast/admin")
    Granted(one_patient=frozenset(), all_patients=frozenset())
    """
    one: set[Permission] = set()
    every: set[Permission] = set()
    for scope in scopes:
        if scope == admin_scope:
            every.add(Permission.ADMIN)
        elif (found := _SCOPE.fullmatch(scope)) and found["context"] in contexts:
            (one if found["context"] == "patient" else every).update(_permissions(found["type"], found["may"]))
    return Granted(frozenset(one), frozenset(every))


def _permissions(kind: str, may: str) -> set[Permission]:
    letters = set(_V1.get(may) or (may if _V2.fullmatch(may) else ""))
    if kind not in ("*", "RiskAssessment"):
        return set()
    found = set()
    if letters >= {"r", "s"}:
        found |= {Permission.READ, Permission.PREDICT} if kind == "*" else {Permission.READ}
    if "c" in letters:
        found.add(Permission.PREDICT)
    if letters >= {"c", "u"}:
        found.add(Permission.WRITE)
    return found
