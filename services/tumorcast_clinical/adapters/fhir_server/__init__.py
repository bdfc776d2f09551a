"""A patient's record from a FHIR R4 server, as the pages that the server sent."""

from tumorcast_clinical.adapters.fhir_server.access import FhirAccess
from tumorcast_clinical.adapters.fhir_server.server import FetchedRecord, FhirServer

__all__ = ["FetchedRecord", "FhirAccess", "FhirServer"]
