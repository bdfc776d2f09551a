"""Domain ↔ protobuf of the gateway's own messages; those of several services stand in ``tumorcast_core.wire``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast.imaging.v1 import imaging_service_pb2 as ip
from tumorcast.prognosis.v1 import jobs_pb2 as jp
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast.prognosis.v1 import records_pb2 as rp
from tumorcast_core import wire
from tumorcast_core.errors import InvalidInput, MalformedRequest, PayloadTooLarge
from tumorcast_core.query import Query
from tumorcast_core.wire.enums import enum_from, enum_to
from tumorcast_core.wire.inputs import feature_contribution_to, worth_to
from tumorcast_core.wire.parts import reason_to
from tumorcast_core.wire.prognosis import observed_under_to, similar_to, typicality_to
from tumorcast_gateway.model import Explanation, Replay, Stored, StudyReading, UploadedStudy, UploadRefusal
from tumorcast_gateway.model import explaining as e
from tumorcast_gateway.model import records as r
from tumorcast_gateway.model.desk.prognoses import MAX_QUERIES


def timestamp_to(at: datetime | None) -> Timestamp | None:
    """A moment → message."""
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at)
    return message


def prognosis_summary_to(s: r.PredictionSummary) -> rp.PrognosisSummary:
    """A record in a list → message."""
    return rp.PrognosisSummary(
        prognosis_id=s.prognosis_id,
        patient=s.patient,
        created_at=timestamp_to(s.created_at),
        model=wire.model_ref_to(s.model),
        simulated=s.simulated,
        erased=s.erased,
    )


def write_back_to(written: r.WrittenBack) -> rp.WriteBack:
    """What stands on the EHR → message."""
    resources = [
        rp.WrittenResource(kind=one.kind, reference=one.reference, created=one.created) for one in written.resources
    ]
    return rp.WriteBack(prognosis_id=written.prognosis_id, resources=resources)


def replay_to(replay: Replay) -> rp.Replay:
    """A replay → message."""
    return rp.Replay(
        prognosis_id=replay.prognosis_id,
        same=replay.same,
        model_changed=replay.model_changed,
        differences=replay.differences,
        prognosis=wire.prognosis_to(replay.prognosis),
    )


def explanation_to(explanation: Explanation) -> rp.Explanation:
    """An explanation → message."""
    typicality = explanation.typicality
    return rp.Explanation(
        prognosis_id=explanation.prognosis_id,
        model=wire.model_ref_to(explanation.model),
        endpoints=map(_endpoint_explanation_to, explanation.endpoints),
        typicality=typicality_to(typicality) if typicality else None,
        similar=map(similar_to, explanation.similar),
        observed_under=map(observed_under_to, explanation.observed_under),
    )


def _endpoint_explanation_to(endpoint: e.EndpointExplanation) -> rp.EndpointExplanation:
    return rp.EndpointExplanation(
        endpoint_id=endpoint.endpoint_id,
        status=enum_to(pp.EndpointStatus, "ENDPOINT_STATUS", endpoint.status),
        reasons=map(reason_to, endpoint.reasons),
        groups=[
            rp.GroupContribution(
                group=g.group, modality=wire.modality_to(g.modality), value=g.value, horizon_days=g.horizon_days
            )
            for g in endpoint.groups
        ],
        inputs=map(feature_contribution_to, endpoint.inputs),
        missing=map(_missing_group_to, endpoint.missing),
    )


def _missing_group_to(missing: e.MissingGroup) -> rp.MissingGroup:
    return rp.MissingGroup(
        group=missing.group,
        modality=wire.modality_to(missing.modality),
        status=enum_to(pp.InputStatus, "INPUT_STATUS", missing.status),
        reason=reason_to(missing.reason) if missing.reason else None,
        worth=worth_to(missing.worth) if missing.worth else None,
    )


def feedback_to(feedback: r.Feedback) -> rp.Feedback:
    """Feedback as it is kept → message."""
    return rp.Feedback(
        feedback_id=feedback.feedback_id,
        prognosis_id=feedback.prognosis_id,
        created_at=timestamp_to(feedback.created_at),
        decision=enum_to(rp.Decision, "DECISION", feedback.decision),
        reason_code=feedback.reason_code,
        comment=feedback.comment,
    )


def feedback_from(m: rp.Feedback) -> r.Feedback:
    """Message → feedback to keep; raises ``MalformedRequest`` where the decision is not stated."""
    try:
        decision = enum_from(r.Decision, rp.Decision, "DECISION", m.decision)
    except MalformedRequest as e:
        raise MalformedRequest.at("feedback.decision", e.message) from e
    return r.Feedback(m.prognosis_id, decision, m.reason_code, m.comment)


def outcome_to(outcome: r.Outcome) -> rp.Outcome:
    """An outcome as it is kept → message."""
    return rp.Outcome(
        outcome_id=outcome.outcome_id,
        prognosis_id=outcome.prognosis_id,
        created_at=timestamp_to(outcome.created_at),
        endpoint_id=outcome.endpoint_id,
        occurred=outcome.occurred,
        category=outcome.category,
        time_days=outcome.time_days,
        value=outcome.value,
    )


def outcome_from(m: rp.Outcome) -> r.Outcome:
    """Message → outcome to keep."""
    return r.Outcome(
        prognosis_id=m.prognosis_id,
        endpoint_id=m.endpoint_id,
        occurred=m.occurred if m.HasField("occurred") else None,
        category=m.category,
        time_days=m.time_days if m.HasField("time_days") else None,
        value=m.value if m.HasField("value") else None,
    )


def study_to(study: StudyReading) -> rp.Study:
    """What was read of a study → message."""
    return rp.Study(
        study_id=study.study_id,
        study_instance_uid=study.study_instance_uid,
        date=study.date,
        features=map(wire.feature_to, study.features),
        lesions=map(wire.lesion_to, study.lesions),
        issues=map(wire.issue_to, study.issues),
    )


def stored_to(stored: Stored) -> pb.UploadStudyResponse:
    """What became of an upload → message."""
    return pb.UploadStudyResponse(
        studies=[
            pb.StoredStudy(study_id=study_id, study=_uploaded_study_to(study))
            for study_id, study in zip(stored.study_ids, stored.upload.studies, strict=True)
        ],
        refusals=map(_refusal_to, stored.upload.refusals),
    )


def _uploaded_study_to(study: UploadedStudy) -> ip.UploadedStudy:
    return ip.UploadedStudy(
        study_instance_uid=study.study_instance_uid,
        instances=study.instances,
        segmentation_uids=study.segmentation_uids,
        date=study.date,
    )


def _refusal_to(refusal: UploadRefusal) -> ip.UploadRefusal:
    return ip.UploadRefusal(
        position=refusal.position,
        label=refusal.label,
        code=refusal.code,
        message=refusal.message,
        sop_class_uid=refusal.sop_class_uid,
        sop_instance_uid=refusal.sop_instance_uid,
    )


def job_to(job: r.Job) -> jp.Job:
    """A job → message."""
    return jp.Job(
        job_id=job.job_id,
        created_at=timestamp_to(job.created_at),
        state=enum_to(jp.JobState, "JOB_STATE", job.state),
        total=job.total,
        answered=job.answered,
        failed=job.failed,
    )


def job_result_to(result: r.JobResult) -> jp.JobResult:
    """What became of one query of a job → message."""
    return jp.JobResult(
        position=result.position,
        prognosis_id=result.prognosis_id or None,
        error=reason_to(result.error) if result.error else None,
    )


def patient_ref_to(patient: r.PatientRef) -> rp.PatientRef:
    """A patient by the opaque id → message."""
    return rp.PatientRef(patient=patient.patient, prognoses=patient.prognoses)


def queries_from(messages: Sequence[pb.CreatePrognosisRequest], *, check: bool = False) -> tuple[Query, ...]:
    """Messages → queries, each sound by itself where ``check`` is set; an error says which of them is meant.

    Raises ``PayloadTooLarge`` where there are too many, ``MalformedRequest`` and ``NoInput``.
    """
    if len(messages) > MAX_QUERIES:
        raise PayloadTooLarge(f"There are more than {MAX_QUERIES} queries.")
    return tuple(_query_from(message, f"queries[{i}]", check=check) for i, message in enumerate(messages))


def _query_from(message: pb.CreatePrognosisRequest, where: str, *, check: bool) -> Query:
    try:
        query = wire.query_from(message)
        if check:
            query.check()
    except MalformedRequest as e:
        raise e.inside(where) from e
    except (InvalidInput, PayloadTooLarge) as e:
        raise type(e)(f"{where}: {e.message}") from e
    return query
