"""Batches: handed in, waited for, their results read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

from tumorcast_api.answers import JobAnswer, JobResultAnswer
from tumorcast_client import requests
from tumorcast_client.aio.io import sleep
from tumorcast_client.aio.resources import PAGE_SIZE, Sender
from tumorcast_client.inquiry import Inquiry
from tumorcast_core.errors import DeadlineExceeded

_LONGEST_POLL_S = 10.0


class AsyncJob:
    """One batch; ``answer`` is what the server said of it last."""

    def __init__(self, sender: Sender, answer: JobAnswer) -> None:
        self._sender = sender
        self.answer = answer

    @property
    def job_id(self) -> str:
        """Its opaque id."""
        return self.answer.job_id

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done of it, as far as is known here."""
        return self.answer.state in ("completed", "cancelled")

    async def refresh(self) -> JobAnswer:
        """Ask how far it is."""
        self.answer = await self._sender.send(requests.stored_job(self.job_id))
        return self.answer

    async def wait(self, timeout_s: float = 3600.0, poll_s: float = 0.5) -> JobAnswer:
        """Wait until it has ended, asking ever more rarely; raises ``DeadlineExceeded``."""
        until = time.monotonic() + timeout_s
        while not self.ended:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise DeadlineExceeded("The job has not ended in that time; it goes on.")
            await sleep(min(poll_s, left_s))
            poll_s = min(poll_s * 1.5, _LONGEST_POLL_S)
            await self.refresh()
        return self.answer

    async def results(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[JobResultAnswer]:
        """What became of its queries, by position, page by page as they are asked for."""
        token = ""
        while True:
            page = await self._sender.send(requests.job_results(self.job_id, page_size, token))
            for item in page.results:
                yield item
            if not (token := page.next_page_token):
                return

    async def cancel(self) -> JobAnswer:
        """Cancel what is not begun of it."""
        self.answer = await self._sender.send(requests.cancellation(self.job_id))
        return self.answer


class AsyncJobs:
    """Batches of queries, answered in the background."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def create(self, inquiries: Sequence[Inquiry], *, idempotency_key: str = "") -> AsyncJob:
        """Hand in a batch of 1 to 1000; once this returns it survives the death of any process of the server."""
        return AsyncJob(self._sender, await self._sender.send(requests.job(inquiries, idempotency_key)))

    async def get(self, job_id: str) -> AsyncJob:
        """One batch."""
        return AsyncJob(self._sender, await self._sender.send(requests.stored_job(job_id)))

    async def list(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[AsyncJob]:
        """Your batches, the newest first, page by page as they are asked for."""
        token = ""
        while True:
            page = await self._sender.send(requests.jobs(page_size, token))
            for item in page.jobs:
                yield AsyncJob(self._sender, item)
            if not (token := page.next_page_token):
                return
