"""The Ray Serve deployments: thin shells over ``ImagingServicer`` and ``Encoder``.

One ingress that reads and prepares (CPU), and one deployment per encoder, batched by voxel budget.
"""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from tumorcast_core import logs
from tumorcast_core.errors import ResourceExhausted, ServiceUnavailable, TumorcastError
from tumorcast_imaging.adapters import FolderStudyStore
from tumorcast_imaging.dicom import Limits
from tumorcast_imaging.loopback import bind_to_loopback
from tumorcast_imaging.model import Crop, Encoded, EncoderManifest
from tumorcast_imaging.servicer import ImagingServicer
from tumorcast_imaging.settings import Settings

bind_to_loopback()


def _quiet(settings: Settings) -> None:
    """Our log lines only: pydicom quotes odd values, which may be a patient's."""
    logs.configure("imaging", settings.log_level)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")


class ServeEncoder:
    """A ``CropEncoder`` behind a deployment handle; foreign failures become errors of ours."""

    def __init__(self, manifest: EncoderManifest, handle: DeploymentHandle[Any]) -> None:
        self.manifest = manifest
        self._handle = handle

    async def encode(self, crops: Sequence[Crop]) -> list[Encoded]:
        try:
            return list(await asyncio.gather(*(self._handle.encode.remote(crop) for crop in crops)))
        except BackPressureError as e:
            raise ResourceExhausted("The image encoder's queue is full; try again later.") from e
        except RayTaskError as e:
            if isinstance(e.cause, TumorcastError):
                raise e.cause from e
            raise
        except (RayError, RayServeException) as e:
            raise ServiceUnavailable("An image encoder does not answer.") from e


class Ingress(ImagingServicer):
    """The gRPC ingress: stores, reads and prepares studies, and asks the encoders."""

    def __init__(self, settings: Settings, manifests: list[EncoderManifest], *handles: DeploymentHandle[Any]) -> None:
        import highdicom.seg  # noqa: F401 - takes 0.3 s, which the first study would wait for

        _quiet(settings)
        super().__init__(
            FolderStudyStore(settings.study_root, limits=Limits(max_file_bytes=settings.max_file_mib << 20)),
            [ServeEncoder(manifest, handle) for manifest, handle in zip(manifests, handles, strict=True)],
            encoder_timeout_s=settings.encoder_timeout_s,
        )


def _voxels(crops: Sequence[Crop]) -> int:
    return sum(crop.array[0].size for crop in crops)


class EncoderReplica:
    """One encoder on one device."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        import torch

        from tumorcast_imaging.model import Encoder

        _quiet(settings)
        torch.set_num_threads(settings.encoder_threads or os.cpu_count() or 1)
        device = "cuda" if settings.encoder_num_gpus > 0 else "cpu"
        self._encoder = Encoder.load(folder, precision=settings.precision, device=device)
        self._encoder.warm_up()
        batch: Any = self._encode_batch
        batch.set_max_batch_size(max(settings.batch_voxels, self._encoder.manifest.crop.voxels**3))  # one always fits
        batch.set_batch_wait_timeout_s(settings.batch_wait_s)

    async def encode(self, crop: Crop) -> Encoded:
        """The vector of one crop; crops that wait together run together."""
        return await self._encode_batch(crop)

    @serve.batch(batch_size_fn=_voxels)
    async def _encode_batch(self, crops: list[Crop]) -> list[Encoded]:
        vectors = await asyncio.to_thread(self._encoder.encode, crops)
        return [Encoded(self._encoder.embedding_space, vector) for vector in vectors]
