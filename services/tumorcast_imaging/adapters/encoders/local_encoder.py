"""An encoder in this very process, as a ``CropEncoder``: for plain ``grpc.aio`` and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded
from tumorcast_imaging.model import Crop, Encoded, EncoderManifest

if TYPE_CHECKING:
    from tumorcast_imaging.model import Encoder


@dataclass(frozen=True, slots=True)
class Waiting:
    """A crop in an encoder's queue, and until when somebody waits for its vector."""

    crop: Crop
    deadline: Deadline


def encode_wanted(encoder: Encoder, waiting: Sequence[Waiting]) -> list[Encoded | DeadlineExceeded]:
    """Compute what is still wanted when its turn comes; a CPU takes crop by crop, a GPU all at once."""
    at_once = len(waiting) if encoder.device.type == "cuda" else 1
    done: list[Encoded | DeadlineExceeded] = []
    for start in range(0, len(waiting), at_once or 1):
        group = waiting[start : start + at_once]
        wanted = [one.deadline.left_s > 0 for one in group]
        vectors = iter(encoder.encode([one.crop for one, still in zip(group, wanted, strict=True) if still]))
        done += [Encoded(encoder.embedding_space, next(vectors)) if still else DeadlineExceeded() for still in wanted]
    return done


class LocalEncoder:
    """Runs ``encoder`` in a thread, so that the event loop goes on."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def manifest(self) -> EncoderManifest:
        return self._encoder.manifest

    async def space(self, deadline: Deadline) -> str:  # noqa: ARG002 - it is at hand
        return self._encoder.embedding_space

    async def encode(self, crops: Sequence[Crop], deadline: Deadline) -> list[Encoded]:
        waiting = [Waiting(crop, deadline) for crop in crops]
        done = await asyncio.to_thread(encode_wanted, self._encoder, waiting)
        if late := [error for error in done if isinstance(error, DeadlineExceeded)]:
            raise late[0]
        return [encoded for encoded in done if isinstance(encoded, Encoded)]
