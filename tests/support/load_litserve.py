"""LitServe (Apache-2.0) serving the same work: ``python -m support.load_litserve PORT STORE kept|anew N``.

N worker processes, each with all models; LitServe's own process takes the requests and queues them.
Annotations are not postponed here: LitServe reads the type of ``decode_request``'s argument.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import litserve
from fastapi import Request

from support.load_query import Worker


class Prognosis(litserve.LitAPI):  # type: ignore[misc]
    """One query at a time in each worker."""

    def __init__(self, store: Path, *, kept: bool) -> None:
        super().__init__(api_path="/v1/prognoses")
        self._store, self._kept = store, kept

    def setup(self, device: str) -> None:
        self._runner, self._worker = asyncio.Runner(), Worker(self._store, kept=self._kept)

    def decode_request(self, request: Request) -> Any:
        """What came: LitServe has parsed it."""
        return request

    def predict(self, body: dict[str, Any]) -> dict[str, object]:
        return self._runner.run(self._worker.answer(body))

    def encode_response(self, answer: dict[str, object]) -> dict[str, object]:
        return answer


if __name__ == "__main__":
    server = litserve.LitServer(
        Prognosis(Path(sys.argv[2]), kept=sys.argv[3] == "kept"),
        accelerator="cpu",
        workers_per_device=int(sys.argv[4]),
        timeout=60,
    )
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
