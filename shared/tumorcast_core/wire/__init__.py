"""Domain ↔ protobuf for the messages that several services share. Nothing else in the core knows protobuf.

Reading is strict: what the domain cannot hold raises ``MalformedRequest``, it is never guessed.
"""

from tumorcast_core.wire.enums import modality_from, modality_to
from tumorcast_core.wire.estimates import endpoint_kind_from, endpoint_kind_to
from tumorcast_core.wire.model_summary import model_summary_from, model_summary_to
from tumorcast_core.wire.parts import each_from, model_ref_from, model_ref_to
from tumorcast_core.wire.prognosis import prognosis_from, prognosis_to
from tumorcast_core.wire.query import (
    document_from,
    document_to,
    fhir_patient_from,
    fhir_patient_to,
    query_from,
    query_to,
)
from tumorcast_core.wire.snapshot import (
    embedding_from,
    embedding_to,
    feature_from,
    feature_to,
    issue_from,
    issue_to,
    lesion_from,
    lesion_to,
    planned_therapy_from,
    planned_therapy_to,
    snapshot_from,
    snapshot_to,
    timepoint_from,
    timepoint_to,
)

__all__ = [
    "document_from",
    "document_to",
    "each_from",
    "embedding_from",
    "embedding_to",
    "endpoint_kind_from",
    "endpoint_kind_to",
    "feature_from",
    "feature_to",
    "fhir_patient_from",
    "fhir_patient_to",
    "issue_from",
    "issue_to",
    "lesion_from",
    "lesion_to",
    "modality_from",
    "modality_to",
    "model_ref_from",
    "model_ref_to",
    "model_summary_from",
    "model_summary_to",
    "planned_therapy_from",
    "planned_therapy_to",
    "prognosis_from",
    "prognosis_to",
    "query_from",
    "query_to",
    "snapshot_from",
    "snapshot_to",
    "timepoint_from",
    "timepoint_to",
]
