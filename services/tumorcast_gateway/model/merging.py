"""Merges what the sources gave into one patient snapshot at one index date, with nothing later in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tumorcast_core.catalog import checked
from tumorcast_core.dates import is_after, latest_day, same_day
from tumorcast_core.errors import InvalidInput
from tumorcast_core.query import Query
from tumorcast_core.snapshot import Embedding, Extraction, Feature, Issue, PatientSnapshot, Severity, Timepoint
from tumorcast_gateway.model.reading import AFTER_INDEX_DATE, Origin, Reading


def merge(query: Query, readings: Iterable[Reading]) -> PatientSnapshot:
    """Build the snapshot; what the caller states wins over what was extracted under the same name and timepoint."""
    own = [_of_patient_asked_for(query, _dated(reading)) for reading in readings]
    sources = _images_of_one_patient(query.patient_id, own)
    sources.append(Reading(Origin.GATEWAY, _from_caller(query.features)))
    index_date = query.index_date or latest_day(_dates(query, sources))
    visits = {t.role: t.date for t in _timepoints(query, sources)}
    *extracted, caller = (_until(index_date, source, visits) for source in sources)
    stated = {(f.name, f.timepoint) for f in caller.extraction.features}
    features = [f for s in extracted for f in s.extraction.features if (f.name, f.timepoint) not in stated]
    return PatientSnapshot(
        patient_id=query.patient_id,
        index_date=index_date,
        features=(*features, *caller.extraction.features),
        embeddings=tuple(e for source in extracted for e in source.extraction.embeddings),
        issues=(
            *(issue for source in (*extracted, caller) for issue in source.extraction.issues),
            *_identity_issues(query, sources),
            *_index_date_issues(query, index_date),
        ),
        timepoints=tuple(t for t in _timepoints(query, sources) if not is_after(t.date, index_date)),
        lesions=tuple(lesion for source in extracted for lesion in source.extraction.lesions),
        planned_therapies=query.planned_therapies,
    )


def _from_caller(features: tuple[Feature, ...]) -> Extraction:
    """Check the caller's features against the catalog; a bad one becomes an issue and does not win over anything."""
    good, issues = [], []
    values: dict[tuple[str, str, str], set[float | str | None]] = defaultdict(set)
    for feature in features:
        values[_fact(feature)].add(feature.value)
    for i, feature in enumerate(features):
        fault = _fault(feature, len(values[_fact(feature)]) == 1)
        if fault:
            issues.append(Issue(Severity.ERROR, *fault, f"features[{i}]", Origin.GATEWAY, feature.timepoint))
        else:
            good.append(checked(replace(feature, source=feature.source or "caller")))
    return Extraction(tuple(good), issues=tuple(issues))


def _fact(feature: Feature) -> tuple[str, str, str]:
    """Name what can have one value only."""
    return feature.name, feature.timepoint, feature.effective


def _fault(feature: Feature, is_only_value: bool) -> tuple[str, str] | None:
    """Find the code and message that say why a caller's feature cannot be used."""
    if not is_only_value:
        return "CONFLICTING_VALUES", "Several values of one feature at one time were given; none is used."
    if feature.status in ("entered-in-error", "cancelled"):
        return "NO_RESULT", "The feature's status says that there is no result; it is not used."
    try:
        checked(feature)
    except InvalidInput as e:
        return e.reason, e.message
    return None


def _of_patient_asked_for(query: Query, reading: Reading) -> Reading:
    """Use no record that a FHIR server gives of another patient than the one it was asked for."""
    named = reading.extraction.patient_id
    if reading.origin is not Origin.CLINICAL or not query.fhir_server or named in ("", query.fhir_server.patient_id):
        return reading
    message = "The FHIR server's record is of another patient than the one asked for and was not used."
    return replace(reading, extraction=Extraction(issues=reading.extraction.issues)).noting(
        reading.issue(Severity.ERROR, "PATIENT_ID_DIFFERS", message)
    )


def _images_of_one_patient(patient_id: str, sources: list[Reading]) -> list[Reading]:
    """Use no images where those of several timepoints name different patients, but for those of the query's patient."""
    named = {s.extraction.patient_id for s in sources if s.origin is Origin.IMAGING} - {""}
    if len(named) < 2:
        return sources
    message = "The images of the timepoints name different patients; those not of the query's patient were not used."
    return [
        replace(source, extraction=replace(source.extraction, features=(), embeddings=(), lesions=())).noting(
            source.issue(Severity.ERROR, "PATIENT_ID_DIFFERS", message)
        )
        if source.origin is Origin.IMAGING and source.extraction.patient_id not in ("", patient_id)
        else source
        for source in sources
    ]


def images_only_of(patient_id: str, reading: Reading) -> Reading:
    """Use no images but those that name this patient: what a caller may see of one patient only."""
    if reading.origin is not Origin.IMAGING or reading.error or reading.extraction.patient_id == patient_id:
        return reading
    message = "The images do not name the patient that the credentials are for and were not used."
    return replace(reading, extraction=Extraction()).noting(
        reading.issue(Severity.ERROR, "PATIENT_ID_DIFFERS", message)
    )


def _dated(reading: Reading) -> Reading:
    """Give images the date that the caller states for their timepoint; de-identified images carry a shifted one."""
    extraction, timepoint = reading.extraction, reading.timepoint
    if timepoint is None or not timepoint.date or not extraction.date or same_day(timepoint.date, extraction.date):
        return reading
    redated = replace(
        extraction,
        date=timepoint.date,
        features=tuple(replace(f, effective=timepoint.date) for f in extraction.features),
        embeddings=tuple(replace(e, effective=timepoint.date) for e in extraction.embeddings),
        lesions=tuple(replace(lesion, date=timepoint.date) for lesion in extraction.lesions),
    )
    message = "The images state another date than the query does; the query's was taken."
    return replace(reading, extraction=redated).noting(reading.issue(Severity.WARNING, "STUDY_DATE_DIFFERS", message))


def _dates(query: Query, sources: Iterable[Reading]) -> Iterable[str]:
    yield from (timepoint.date for timepoint in query.timepoints)
    yield from (document.date for document in query.documents)
    for source in sources:
        yield source.extraction.date
        yield from (part.effective for part in _parts(source.extraction))


def _parts(extraction: Extraction) -> tuple[Feature | Embedding, ...]:
    return (*extraction.features, *extraction.embeddings)


def _until(index_date: str, source: Reading, visits: Mapping[str, str]) -> Reading:
    """Drop what is dated after the index date, itself or by its visit (role → date), and say so."""
    extraction = source.extraction
    whole = not is_after(extraction.date, index_date)

    def is_known_by_then(part: Feature | Embedding) -> bool:
        return whole and not is_after(part.effective or visits.get(part.timepoint, ""), index_date)

    features = tuple(filter(is_known_by_then, extraction.features))
    embeddings = tuple(filter(is_known_by_then, extraction.embeddings))
    lesions = tuple(x for x in extraction.lesions if whole and not is_after(x.date, index_date))
    dropped = len(_parts(extraction)) - len(features) - len(embeddings)
    if not dropped:
        return source
    message = f"{dropped} inputs dated after the index date were not used."
    kept = replace(source, extraction=replace(extraction, features=features, embeddings=embeddings, lesions=lesions))
    return kept.noting(source.issue(Severity.ERROR, AFTER_INDEX_DATE, message))


def _identity_issues(query: Query, sources: Iterable[Reading]) -> Iterable[Issue]:
    """Warn, without quoting any, when patient ids differ; the sources of one patient may well number them apart."""
    stated = {"the query": query.patient_id} | {
        f"{s.origin} ({s.timepoint.role})" if s.timepoint else str(s.origin): s.extraction.patient_id for s in sources
    }
    named = {who: patient_id for who, patient_id in stated.items() if patient_id}
    if len(set(named.values())) > 1:
        message = f"The patient ids stated by {', '.join(named)} differ; check that all is of one patient."
        yield Issue(Severity.WARNING, "PATIENT_ID_DIFFERS", message, origin=Origin.GATEWAY)


def _index_date_issues(query: Query, index_date: str) -> Iterable[Issue]:
    if not query.index_date and index_date:
        message = "No index date was given; the latest date seen in the input was taken."
        yield Issue(Severity.INFORMATION, "INDEX_DATE_ASSUMED", message, origin=Origin.GATEWAY)


def _timepoints(query: Query, sources: Iterable[Reading]) -> Iterable[Timepoint]:
    seen = {s.timepoint.role: s.extraction.date for s in sources if s.timepoint}
    return (replace(t, date=t.date or seen.get(t.role, "")) for t in query.timepoints)
