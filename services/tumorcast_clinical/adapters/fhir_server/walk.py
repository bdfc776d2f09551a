"""The walk through one record on a server: page after page, and a word on each part that did not come."""

from __future__ import annotations

import asyncio

import httpx

from tumorcast_clinical.adapters.fhir_server.access import FhirAccess
from tumorcast_clinical.adapters.fhir_server.addresses import next_page
from tumorcast_clinical.adapters.fhir_server.capabilities import served_types
from tumorcast_clinical.adapters.fhir_server.pages import Page, Unreadable, read_page
from tumorcast_clinical.adapters.fhir_server.session import NoToken, Session, TooSlow
from tumorcast_clinical.adapters.fhir_server.transport import UNREADABLE, Failure, Unreachable
from tumorcast_core.errors import FhirAccessDenied, PatientMismatch, PayloadTooLarge, ServiceUnavailable
from tumorcast_core.snapshot import Issue, Severity

MEDICATION_TYPES = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
SEARCHED_TYPES = ("Observation", "Condition", *MEDICATION_TYPES, "Procedure", "FamilyMemberHistory")
"""What features come from, each with a search parameter ``patient`` in R4."""
_EVERYTHING = "Patient/$everything"
_ENDS_THE_CALL = (Unreachable, TooSlow, NoToken)


class Walk:
    """Collects ``pages`` and ``issues``; ``run`` raises ``Failure`` or a Tumorcast error if nothing of use comes."""

    def __init__(self, session: Session, base: httpx.URL, patient_id: str, access: FhirAccess) -> None:
        self._session, self._base, self._id = session, base, patient_id
        self._max_pages, self._count = access.max_pages, access.page_size
        self.pages: list[bytes] = []
        self.issues: list[Issue] = []
        self._patients: set[str] = set()

    async def run(self) -> None:
        """Fetch the record."""
        if not await self._everything():
            await self._read_patient()
            await self._search()
        elif self._id not in self._patients:
            await self._read_patient()

    async def _everything(self) -> bool:
        """Whether the server answers ``$everything`` (FHIR R4 Patient operation) with anything."""
        url = self._base.join(f"Patient/{self._id}/$everything?_count={self._count}")
        message = "was not answered"
        try:
            first = await self._page(url)
            if first.resource_type == "Bundle" and (first.entry_count or first.next_link):
                await self._follow(first, url, _EVERYTHING)
                return True
        except PayloadTooLarge:
            message = "gives more than the limit"
        except Failure as e:
            if isinstance(e, _ENDS_THE_CALL) or e.status in (401, 429):
                raise
        self._start_over(f"{_EVERYTHING} {message}; searched instead: Patient, {', '.join(SEARCHED_TYPES)}.")
        return False

    def _start_over(self, message: str) -> None:
        self.pages.clear()
        self.issues.clear()
        self._patients.clear()
        self._session.start_over()
        self._tell(Severity.INFORMATION, "SEARCHED_BY_TYPE", message)

    async def _read_patient(self) -> None:
        page = await self._page(self._base.join(f"Patient/{self._id}"))
        if page.resource_type != "Patient":
            raise ServiceUnavailable(UNREADABLE)
        if page.patient_ids != {self._id}:
            raise PatientMismatch

    async def _search(self) -> None:
        served = await served_types(self._session, self._base)
        for kind in SEARCHED_TYPES:
            if served is not None and kind not in served:
                message = f"The FHIR server has no {kind}, says its CapabilityStatement."
                self._tell(Severity.INFORMATION, "TYPE_NOT_SERVED", message)
                continue
            try:
                await self._search_one(kind)
            except Failure as e:
                self._tell(Severity.ERROR, "FHIR_SEARCH_FAILED", f"{kind} could not be searched. {_cause(e)}")

    async def _search_one(self, kind: str) -> None:
        """Search one type, medications with what they refer to where the server can give that."""
        url = self._base.join(f"{kind}?patient={self._id}&_count={self._count}")
        including = url.copy_merge_params({"_include": f"{kind}:medication"}) if kind in MEDICATION_TYPES else url
        try:
            first = await self._page(including)
        except Failure as e:
            if including == url or e.status != httpx.codes.BAD_REQUEST:
                raise
            message = f"The FHIR server gives no Medication resources along with {kind}."
            self._tell(Severity.WARNING, "MEDICATIONS_NOT_INCLUDED", message)
            first, including = await self._page(url), url
        if first.resource_type != "Bundle":
            self.pages.pop()
            raise Failure(ServiceUnavailable(UNREADABLE))
        await self._follow(first, including, kind)

    async def _follow(self, page: Page, url: httpx.URL, what: str) -> None:
        """Fetch the pages after the first; whatever ends them early is told."""
        total, matches = page.total, page.match_count
        seen_urls, seen_entries = {url}, set(page.entries)
        while page.next_link:
            if len(seen_urls) >= self._max_pages:
                return self._tell_missing("TOO_MANY_PAGES", what, f"There are more than {self._max_pages} of them.")
            following = next_page(self._base, page.next_link)
            if following is None:
                return self._tell_missing("NEXT_LINK_REFUSED", what, "The link to them leads to another server.")
            if following in seen_urls:
                return self._tell_repeated(what)
            try:
                page = await self._page(following)
            except Failure as e:
                return self._tell_missing("PAGE_FAILED", what, _cause(e))
            if page.entries and page.entries <= seen_entries:
                self.pages.pop()
                return self._tell_repeated(what)
            seen_urls.add(following)
            seen_entries |= page.entries
            matches += page.match_count
        return self._check_total(total, matches, what)

    async def _page(self, url: httpx.URL) -> Page:
        """Fetch and keep one page; reading it happens in a thread, so that other calls go on."""
        body = await self._session.page(url)
        try:
            page = await asyncio.to_thread(read_page, body)
        except Unreadable as e:
            raise Failure(ServiceUnavailable(UNREADABLE)) from e
        self.pages.append(body)
        self._patients |= page.patient_ids
        return page

    def _check_total(self, total: int | None, matches: int, what: str) -> None:
        if what != _EVERYTHING and total is not None and matches < total:  # of an operation, what counts is not defined
            message = f"The FHIR server counts more {what} than it sent."
            self._tell(Severity.WARNING, "FEWER_THAN_TOTAL", message)

    def _tell_missing(self, code: str, what: str, cause: str) -> None:
        self._tell(Severity.ERROR, code, f"Further pages of {what} are missing. {cause}")

    def _tell_repeated(self, what: str) -> None:
        message = f"The pages of {what} repeat themselves; whether all of them came is not known."
        self._tell(Severity.WARNING, "REPEATED_PAGE", message)

    def _tell(self, severity: Severity, code: str, message: str) -> None:
        self.issues.append(Issue(severity, code, message, origin="clinical"))


def _cause(failure: Failure) -> str:
    """Why a part is missing; that a page is not found says nothing of the patient."""
    if isinstance(failure.error, FhirAccessDenied):
        return str(failure.error)
    return f"The FHIR server answered with status {failure.status}." if failure.status else str(failure.error)
