"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tumorcast_core.errors import PermissionDenied


class Permission(StrEnum):
    """What a caller may be allowed to do."""

    PREDICT = "predict"
    """Ask for prognoses, alone or as jobs; each is kept."""
    READ = "read"
    """Read prognoses, feedback, outcomes, studies."""
    WRITE = "write"
    """Store studies, feedback, outcomes; write back to the EHR."""
    ADMIN = "admin"
    """Erase patients, read the audit log."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An established identity; ``patient_id`` is the only patient it may see, ``None``: any.

    ``subject``, ``client_id`` and ``issuer`` are those of the token; they stand in the audit log and nowhere else.
    """

    subject: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    permissions: frozenset[Permission] = frozenset()
    patient_id: str | None = field(default=None, repr=False)

    def require(self, permission: Permission) -> None:
        """Raise ``PermissionDenied`` unless the caller has it."""
        if permission not in self.permissions:
            raise PermissionDenied(f"The credentials lack the permission to {permission}.")

    def require_patient(self, patient_id: str) -> None:
        """Raise ``PermissionDenied`` unless the caller may see this patient; one without an id only if all."""
        if self.patient_id is not None and patient_id != self.patient_id:
            raise PermissionDenied("The credentials are for another patient.")

    def require_all_patients(self) -> None:
        """Raise ``PermissionDenied`` for a caller who may see one patient only."""
        if self.patient_id is not None:
            raise PermissionDenied("The credentials are for one patient only.")


ANYONE = Caller("anonymous", permissions=frozenset(Permission))
"""Where there is no authentication: everyone who reaches the door may do everything."""
