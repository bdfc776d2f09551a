"""An encoder in this very process, as a ``CropEncoder``: for plain ``grpc.aio`` and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tumorcast_imaging.model import Crop, Encoded, EncoderManifest

if TYPE_CHECKING:
    from tumorcast_imaging.model import Encoder


class LocalEncoder:
    """Runs ``encoder`` in a thread, so that the event loop goes on."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def manifest(self) -> EncoderManifest:
        return self._encoder.manifest

    async def encode(self, crops: Sequence[Crop]) -> list[Encoded]:
        vectors = await asyncio.to_thread(self._encoder.encode, crops)
        return [Encoded(self._encoder.embedding_space, vector) for vector in vectors]
