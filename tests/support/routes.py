"""Every route of the REST door, also those that OpenAPI does not tell of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tumorcast_gateway.app import wired
from tumorcast_gateway.rest import make_rest
from tumorcast_gateway.settings import Settings


async def routes_of_the_door(data_dir: Path) -> list[tuple[str, str]]:
    """Method and path template of each, as a gateway with a store of its own in ``data_dir`` has them."""
    async with wired(Settings(data_dir=data_dir), asyncio.Event()) as door:
        found = sorted(set(_walked(make_rest(door).routes)))
    assert len(found) > 30, "FastAPI keeps its routes elsewhere"
    return found


def _walked(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _walked(included.routes)
        else:
            yield from ((method.lower(), route.path) for method in route.methods - {"HEAD"})
