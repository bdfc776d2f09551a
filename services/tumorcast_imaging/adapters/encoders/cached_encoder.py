"""An encoder that is asked only for what it has not computed before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import TumorcastError
from tumorcast_core.telemetry.metrics import tell_lookup
from tumorcast_imaging.adapters.encoders.embedding_cache import EmbeddingCache, key_of
from tumorcast_imaging.model import Crop, CropEncoder, Encoded, EncoderManifest

FRESH_S = 5.0
"""How long an encoder's word on its space holds: less than a replica with other weights needs to start."""


class CachedEncoder:
    """``encoder`` behind ``cache``; ``device`` is the kind it computes on, since the kinds differ in the last digits.

    A vector is taken from the cache, or put there, only in the space that the encoder itself named a moment ago, and
    only while that is a space of the weights in the manifest known here: an encoder that was upgraded alone is asked
    for everything.
    """

    def __init__(
        self, encoder: CropEncoder, cache: EmbeddingCache, device: str, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._encoder, self._cache, self._device, self._clock_s = encoder, cache, device, clock_s
        self._space, self._said_at_s = "", float("-inf")

    @property
    def manifest(self) -> EncoderManifest:
        return self._encoder.manifest

    async def space(self, deadline: Deadline) -> str:
        """What the encoder said last, or says now."""
        if self._clock_s() - self._said_at_s > FRESH_S:
            self._heard(await self._encoder.space(deadline))
        return self._space

    async def encode(self, crops: Sequence[Crop], deadline: Deadline) -> list[Encoded]:
        space = await self._space_of_the_manifest(deadline)
        keys = [await asyncio.to_thread(self._key, crop, space) for crop in crops] if space else []
        found = [await asyncio.to_thread(self._kept, key, space) for key in keys] or [None] * len(crops)
        missing = [index for index, encoded in enumerate(found) if encoded is None]
        if missing:
            made = await self._encoder.encode([crops[index] for index in missing], deadline)
            for index, encoded in zip(missing, made, strict=True):
                found[index] = encoded
                self._heard(encoded.embedding_space)
                if keys and encoded.embedding_space == space:
                    await asyncio.to_thread(self._cache.put, keys[index], encoded)
        return [encoded for encoded in found if encoded is not None]

    async def _space_of_the_manifest(self, deadline: Deadline) -> str:
        """The encoder's space, or nothing where no vector may be taken or kept."""
        try:
            space = await self.space(deadline)
        except TumorcastError:  # it will say so again when it is asked for the vector
            return ""
        weights = self.manifest.weights_sha256
        return space if weights and space.startswith(f"{self.manifest.name}@{weights[:12]}/") else ""

    def _key(self, crop: Crop, space: str) -> str:
        return key_of(crop, self.manifest.weights_sha256, space, self._device)

    def _kept(self, key: str, space: str) -> Encoded | None:
        encoded = self._cache.get(key)
        sound = encoded and encoded.embedding_space == space and encoded.vector.shape == (self.manifest.embedding_dim,)
        tell_lookup("vector", found=bool(sound))
        return encoded if sound else None

    def _heard(self, space: str) -> None:
        self._space, self._said_at_s = space, self._clock_s()
