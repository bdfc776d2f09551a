"""A plain FastAPI process that calls the same models: ``python -m support.load_plain PORT STORE kept|anew``.

What a good engineer writes in an afternoon: no bound on what waits, no deadline, no isolation, one process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response

from support.load_query import Worker


def application(store: Path, *, kept: bool) -> FastAPI:
    """Make it."""
    worker, app = Worker(store, kept=kept), FastAPI()

    @app.post("/v1/prognoses")
    async def prognosis(request: Request) -> Response:
        answer = await worker.answer(await request.json())
        return Response(json.dumps(answer), media_type="application/json")

    return app


if __name__ == "__main__":
    app = application(Path(sys.argv[2]), kept=sys.argv[3] == "kept")
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
