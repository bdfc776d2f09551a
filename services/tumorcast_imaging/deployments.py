"""The Ray Serve deployments: thin shells over ``ImagingServicer`` and ``Encoder``.

One ingress that reads and prepares (CPU), and one deployment per encoder, batched by voxel budget. On a machine without
a GPU the ingress may hold the encoders: a small network takes less time than a crop's way to another process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from tumorcast_core import logs, telemetry
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, ResourceExhausted, ServiceUnavailable, TumorcastError
from tumorcast_imaging.adapters.answers import AnswerCache, made_by
from tumorcast_imaging.adapters.encoders import CachedEncoder, EmbeddingCache, LocalEncoder
from tumorcast_imaging.adapters.encoders.local_encoder import Waiting, encode_wanted
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.adapters.studies import open_store
from tumorcast_imaging.loopback import bind_to_loopback
from tumorcast_imaging.model import Crop, CropEncoder, Encoded, EncoderManifest
from tumorcast_imaging.servicer import ImagingServicer
from tumorcast_imaging.settings import Settings

if TYPE_CHECKING:
    from tumorcast_imaging.model import Encoder

bind_to_loopback()
log = logging.getLogger(__name__)
_GPU_BATCH_WAIT_S = 0.002


def _quiet(settings: Settings) -> None:
    """Our log lines only: pydicom quotes odd values, which may be a patient's."""
    logs.configure("imaging", settings.log_level)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")


class ServeEncoder:
    """A ``CropEncoder`` behind a deployment handle; foreign failures become errors of ours.

    A replica that dies while it computes is no answer yet: the crop goes once more to another one, or to the one that
    takes its place if that is there in time. The vector is the same, since it depends on the crop alone.
    """

    def __init__(self, manifest: EncoderManifest, handle: DeploymentHandle[Any]) -> None:
        self.manifest = manifest
        self._handle = handle

    async def encode(self, crops: Sequence[Crop], deadline: Deadline) -> list[Encoded]:
        return list(await asyncio.gather(*(self._asked_twice("encode", deadline, crop) for crop in crops)))

    async def space(self, deadline: Deadline) -> str:
        space: str = await self._asked_twice("space", deadline)
        return space

    async def _asked_twice(self, method: str, deadline: Deadline, *arguments: Any) -> Any:
        try:
            return await self._asked(method, deadline, *arguments)
        except ServiceUnavailable as e:
            if not isinstance(e.__cause__, RayError):  # nobody died
                raise
            log.warning("an encoder replica died; %s is asked again", method)
            return await self._asked(method, deadline, *arguments)

    async def _asked(self, method: str, deadline: Deadline, *arguments: Any) -> Any:
        deadline.check()
        response = getattr(self._handle, method).remote(*arguments, deadline.timeout_s)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()  # the caller is gone or late: nothing may stay queued for it
            raise
        except BackPressureError as e:
            raise ResourceExhausted("The image encoder's queue is full; try again later.") from e
        except RayTaskError as e:
            if isinstance(e.cause, TumorcastError):
                raise e.cause from e
            raise
        except (RayError, RayServeException) as e:
            raise ServiceUnavailable("An image encoder does not answer.") from e


def _encoders(
    settings: Settings,
    folders: list[Path],
    manifests: list[EncoderManifest],
    handles: tuple[DeploymentHandle[Any], ...],
    files: KeptFiles | None,
) -> list[CropEncoder]:
    encoders: list[CropEncoder]
    if settings.encoder_placement == "apart":
        encoders = [ServeEncoder(manifest, handle) for manifest, handle in zip(manifests, handles, strict=True)]
    else:
        encoders = [
            LocalEncoder(_loaded(settings, folder, manifest.name))
            for folder, manifest in zip(folders, manifests, strict=True)
        ]
    if files is None:
        return encoders
    cache = EmbeddingCache(files)
    return [CachedEncoder(encoder, cache, settings.device_of(encoder.manifest.name)) for encoder in encoders]


def _devices(settings: Settings, manifests: list[EncoderManifest]) -> str:
    """The kind of device of every encoder; an answer depends on all of them."""
    return ",".join(settings.device_of(manifest.name) for manifest in manifests)


def _loaded(settings: Settings, folder: Path, name: str) -> Encoder:
    """An encoder in this process, warm."""
    import torch

    from tumorcast_imaging.model import Encoder

    torch.set_num_threads(settings.resources_of(name).threads or os.cpu_count() or 1)
    encoder = Encoder.load(folder, precision=settings.precision, device=settings.device_of(name))
    encoder.warm_up()
    return encoder


class Ingress(ImagingServicer):
    """The gRPC ingress: stores, reads and prepares studies, and asks the encoders, or holds them."""

    def __init__(
        self,
        settings: Settings,
        folders: list[Path],
        manifests: list[EncoderManifest],
        *handles: DeploymentHandle[Any],
    ) -> None:
        _quiet(settings)
        files = KeptFiles(settings.cache_root, settings.cache_mib << 20) if settings.cache_mib else None
        answers = (
            AnswerCache(files, made_by(), _devices(settings, manifests)) if files and settings.cache_answers else None
        )
        super().__init__(
            open_store(settings),
            _encoders(settings, folders, manifests, handles, files),
            answers=answers,
            studies_at_once=settings.studies_at_once,
            encoder_timeout_s=settings.encoder_timeout_s,
        )
        telemetry.start_replica("imaging", settings)

    def metrics(self) -> tuple[str, str]:
        """Tell the replica's id and its metrics as text, for the process that Prometheus asks."""
        return serve.get_replica_context().replica_id.unique_id, telemetry.exposition()


def _batch_wait_s(settings: Settings, device: str) -> float:
    """A CPU computes crop by crop, so there is nothing to wait for."""
    if settings.batch_wait_s is not None:
        return settings.batch_wait_s
    return _GPU_BATCH_WAIT_S if device == "cuda" else 0.0


def _voxels(waiting: Sequence[Waiting]) -> int:
    return sum(one.crop.array[0].size for one in waiting)


class EncoderReplica:
    """One encoder on one device."""

    def __init__(self, settings: Settings, folder: Path, name: str) -> None:
        _quiet(settings)
        self._encoder = _loaded(settings, folder, name)
        batch: Any = self._encode_batch
        batch.set_max_batch_size(max(settings.batch_voxels, self._encoder.manifest.crop.voxels**3))  # one always fits
        batch.set_batch_wait_timeout_s(_batch_wait_s(settings, settings.device_of(name)))

    async def encode(self, crop: Crop, budget_s: float | None) -> Encoded:
        """The vector of one crop; crops that wait together run together, those that waited too long not at all."""
        deadline = Deadline() if budget_s is None else Deadline.after(budget_s)
        encoded = await self._encode_batch(Waiting(crop, deadline))
        if isinstance(encoded, DeadlineExceeded):
            raise encoded
        return encoded

    async def space(self, budget_s: float | None) -> str:  # noqa: ARG002 - the answer is at hand
        """The embedding space of the vectors made here."""
        return self._encoder.embedding_space

    @serve.batch(batch_size_fn=_voxels)
    async def _encode_batch(self, waiting: list[Waiting]) -> list[Encoded | DeadlineExceeded]:
        return await asyncio.to_thread(encode_wanted, self._encoder, waiting)
