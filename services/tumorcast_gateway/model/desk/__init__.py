"""Every use case of the gateway, whichever door a caller comes through: REST, gRPC, FHIR, CDS Hooks."""

from __future__ import annotations

from dataclasses import dataclass, field

from tumorcast_gateway.model.desk.context import Context
from tumorcast_gateway.model.desk.jobs import Jobs
from tumorcast_gateway.model.desk.models import Models
from tumorcast_gateway.model.desk.patients import Patients
from tumorcast_gateway.model.desk.prognoses import Prognoses
from tumorcast_gateway.model.desk.remarks import Remarks
from tumorcast_gateway.model.desk.studies import Stored, Studies, StudyReading
from tumorcast_gateway.model.desk.write_backs import WriteBacks

__all__ = ["Context", "Desk", "Stored", "StudyReading"]


@dataclass(frozen=True)
class Desk:
    """What callers may do, by what it is done with."""

    context: Context
    prognoses: Prognoses = field(init=False)
    remarks: Remarks = field(init=False)
    models: Models = field(init=False)
    studies: Studies = field(init=False)
    jobs: Jobs = field(init=False)
    patients: Patients = field(init=False)
    write_backs: WriteBacks = field(init=False)

    def __post_init__(self) -> None:
        for name, kind in (
            ("prognoses", Prognoses),
            ("remarks", Remarks),
            ("models", Models),
            ("studies", Studies),
            ("jobs", Jobs),
            ("patients", Patients),
            ("write_backs", WriteBacks),
        ):
            object.__setattr__(self, name, kind(self.context))
