"""Reads and searches of what stored prognoses are in FHIR, and what the facade says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response

from tumorcast_core.errors import MalformedRequest, NotFound, PatientNotFound, PrognosisNotFound, RecordErased
from tumorcast_gateway.fhir.capability import OPERATION, SERVED, Served, capability_statement, operation_definition
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.documents import prognosis_of, resources, searchset
from tumorcast_gateway.model.caller import Caller
from tumorcast_gateway.model.records import Page, PageRequest, PredictionRecord, PredictionSummary
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.fhir_form import answer, base_of, check_form, place_of, read_form
from tumorcast_gateway.rest.negotiation import deadline
from tumorcast_gateway.rest.security import caller_of

MOST_ON_A_PAGE, USUAL_ON_A_PAGE = 50, 20
MAX_FORM_BYTES = 64 << 10
_MAX_FIELDS = 100
_NONE = "There is no resource of that id."
_OF_ALL = frozenset({"_count", "_page", "_format", "_pretty"})


def routes(door: Door) -> APIRouter:
    """Make the routes, one set for each type that ``SERVED`` names."""
    router = APIRouter(prefix="/fhir", include_in_schema=False)
    settings, since = door.settings, datetime.now(UTC).date()

    @router.get("/metadata")
    async def metadata(request: Request) -> Response:
        check_form(request)
        base, smart = base_of(request, settings), settings.auth == "oidc"
        return answer(request, capability_statement(base, version("tumorcast"), since, smart=smart))

    @router.get(f"/OperationDefinition/{OPERATION}")
    async def definition(request: Request) -> Response:
        check_form(request)
        return answer(request, operation_definition(base_of(request, settings), since))

    for served in SERVED:
        if served.kind != "OperationDefinition":
            _add(router, door, served)
    return router


def _add(router: APIRouter, door: Door, served: Served) -> None:
    finder = _Finder(door, served)

    async def read(resource_id: str, request: Request) -> Response:
        check_form(request)
        return answer(request, await finder.read(caller_of(request), resource_id))

    async def search(request: Request) -> Response:
        check_form(request)
        return answer(request, await finder.search(request, request.query_params.multi_items()))

    async def search_by_form(request: Request) -> Response:
        check_form(request)
        time = deadline(request, door.settings.deadline_s)
        form = await read_form(request, MAX_FORM_BYTES, time)
        return answer(request, await finder.search(request, [*request.query_params.multi_items(), *_fields(form)]))

    if served.found_by:
        router.add_api_route(f"/{served.kind}", search, methods=["GET"])
        router.add_api_route(f"/{served.kind}/_search", search_by_form, methods=["POST"])
    router.add_api_route(f"/{served.kind}/{{resource_id}}", read, methods=["GET"])


def _fields(form: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(form.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as e:
        raise MalformedRequest("The body is not a form of search parameters.") from e


@dataclass(frozen=True, slots=True, repr=False)
class _Asked:
    """What a search asks for."""

    patient: str | None = None
    id: str | None = None
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class _Finder:
    """Resources of one type."""

    door: Door
    served: Served

    async def read(self, caller: Caller, resource_id: str) -> Json:
        """Raises ``NotFound``, ``RecordErased``."""
        return self._picked(await self._record(caller, resource_id), resource_id)

    async def _record(self, caller: Caller, resource_id: str) -> PredictionRecord:
        prognosis_id = prognosis_of(resource_id)
        if not prognosis_id:
            raise NotFound(_NONE)
        try:
            return await self.door.desk.prognoses.get_record(caller, prognosis_id)
        except PrognosisNotFound as e:
            raise NotFound(_NONE) from e

    def _picked(self, record: PredictionRecord, resource_id: str) -> Json:
        for resource in resources(record, place_of(self.door.settings)):
            if (resource["resourceType"], resource["id"]) == (self.served.kind, resource_id):
                return resource
        raise NotFound(_NONE)

    async def search(self, request: Request, given: Sequence[tuple[str, str]]) -> Json:
        """One page as searchset."""
        strict = "handling=strict" in request.headers.get("prefer", "").replace(" ", "").lower()
        asked, caller = _asked(given, self.served, strict=strict), caller_of(request)
        base = base_of(request, self.door.settings)
        used = [(name, value) for name, value in given if name in self.served.found_by]
        if asked.id is not None:
            found = await self._by_id(caller, asked)
            return searchset(found, base, {"self": self._url(base, used)})
        page = await self._summaries(caller, asked)
        found = [r for summary in page.items if (r := await self._rendered(caller, summary)) is not None]
        used.append(("_count", str(asked.page.size)))
        links = {"self": self._url(base, [*used, *([("_page", asked.page.token)] if asked.page.token else [])])}
        if page.next_token:
            links["next"] = self._url(base, [*used, ("_page", page.next_token)])
        return searchset(found, base, links)

    def _url(self, base: str, fields: Sequence[tuple[str, str]]) -> str:
        return f"{base}/{self.served.kind}?{urlencode(fields)}"

    async def _by_id(self, caller: Caller, asked: _Asked) -> list[Json]:
        try:
            record = await self._record(caller, asked.id or "")
            resource = self._picked(record, asked.id or "")
        except (NotFound, RecordErased):
            return []
        return [resource] if asked.patient in (None, record.snapshot.patient_id) else []

    async def _summaries(self, caller: Caller, asked: _Asked) -> Page[PredictionSummary]:
        patient_id = caller.patient_id if asked.patient is None else asked.patient
        if patient_id is None:
            raise MalformedRequest("Search by patient or _id.")
        try:
            patient = (await self.door.desk.patients.find(caller, patient_id)).patient
        except (PatientNotFound, RecordErased):
            return Page(())
        return await self.door.desk.prognoses.list(caller, asked.page, patient=patient)

    async def _rendered(self, caller: Caller, summary: PredictionSummary) -> Json | None:
        """The resource of this type; ``None`` where it was erased."""
        suffix = "-report" if self.served.kind == "DiagnosticReport" else ""
        try:
            return await self.read(caller, f"{summary.prognosis_id}{suffix}")
        except (NotFound, RecordErased):
            return None


def _asked(given: Sequence[tuple[str, str]], served: Served, *, strict: bool) -> _Asked:
    """Read search parameters; those that are not known are left out, or refused where the caller is strict."""
    fields: dict[str, str] = {}
    for name, value in given:
        if name not in (*served.found_by, *_OF_ALL):
            if strict or name.partition(":")[0] in served.found_by:
                raise MalformedRequest("A search parameter, or its modifier, is not known.")
            continue
        name = "patient" if name == "subject" else name
        if fields.setdefault(name, value) != value:
            raise MalformedRequest("A search parameter stands twice.")
    return _Asked(
        patient=_patient(fields["patient"]) if "patient" in fields else None,
        id=fields.get("_id"),
        page=PageRequest(_count(fields.get("_count", str(USUAL_ON_A_PAGE))), fields.get("_page", "")),
    )


def _patient(value: str) -> str:
    """The id in ``17``, ``Patient/17`` or the URL of a patient."""
    kind, slash, id_ = value.rpartition("/")
    if slash and kind.rpartition("/")[2] != "Patient":
        raise MalformedRequest("patient must be <id>, Patient/<id> or the URL of a patient.")
    if not id_ or "," in id_:
        raise MalformedRequest("patient must name one patient.")
    return id_


def _count(value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or int(value[:9]) < 1:
        raise MalformedRequest("_count must be a whole number above 0.")
    return min(int(value[:9]), MOST_ON_A_PAGE)
