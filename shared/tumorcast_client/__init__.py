"""A typed Python client of the REST API: ``pip install tumorcast[client]``.

``Tumorcast`` and ``AsyncTumorcast`` have the same methods: ``tests/support/sync_client.py`` makes ``sync`` of ``aio``.
"""

from tumorcast_api.bodies import CodingBody as Coding
from tumorcast_api.bodies import DocumentBody as Document
from tumorcast_api.bodies import FeatureBody as Feature
from tumorcast_api.bodies import FhirPatientBody as FhirPatient
from tumorcast_api.bodies import PlannedTherapyBody as PlannedTherapy
from tumorcast_api.bodies import TimepointBody as Timepoint
from tumorcast_client.aio import AsyncJob, AsyncTumorcast
from tumorcast_client.inquiry import Inquiry, inquiry
from tumorcast_client.retrying import Retries
from tumorcast_client.sync import Job, Tumorcast
from tumorcast_core.errors import TumorcastError

__all__ = [
    "AsyncJob",
    "AsyncTumorcast",
    "Coding",
    "Document",
    "Feature",
    "FhirPatient",
    "Inquiry",
    "Job",
    "PlannedTherapy",
    "Retries",
    "Timepoint",
    "Tumorcast",
    "TumorcastError",
    "inquiry",
]
