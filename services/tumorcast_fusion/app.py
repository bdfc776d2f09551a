"""Composition root of the fusion service: ``python -m tumorcast_fusion.app``."""

import asyncio
import sys

import torch

from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc, telemetry
from tumorcast_core.errors import TumorcastError
from tumorcast_core.starting import starting
from tumorcast_core.tls import peer_files
from tumorcast_fusion.adapters.cached_models import ModelCache
from tumorcast_fusion.adapters.live_models import Follower, LiveModels
from tumorcast_fusion.adapters.model_metrics import ModelMetrics
from tumorcast_fusion.adapters.model_store import VersionStore
from tumorcast_fusion.adapters.shadowing import ShadowScorer
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.servicer import FusionServicer
from tumorcast_fusion.settings import Settings

SERVICE = "tumorcast.fusion.v1.FusionService"
FIRST_LOOK_S = 15.0
"""A store that has not answered by then does not hold up the shipped models."""


def main() -> None:
    """Load every model, then serve until SIGTERM."""
    with starting("fusion"):
        settings = Settings()
        files = peer_files(settings)
    logs.configure("fusion", settings.log_level)
    torch.set_num_threads(1)  # the networks are small; threads would only get in each other's way
    models, shadows = _models(settings), ShadowScorer()
    follower = Follower(models, settings.model_store_poll_s)
    if settings.model_store:
        follower.start(FIRST_LOOK_S)
    servicer = FusionServicer(models, shadows)
    telemetry.metrics.REGISTRY.register(ModelMetrics(models, shadows.report))
    with telemetry.running("fusion", settings):
        asyncio.run(
            rpc.serve_peers(
                "fusion",
                lambda s: pb_grpc.add_FusionServiceServicer_to_server(servicer, s),
                settings,
                (SERVICE,),
                files,
            )
        )
    follower.stop()
    shadows.close()


def _models(settings: Settings) -> LiveModels:
    """The shipped models, loaded, and the store beside them; ends the process where its address is none."""
    shipped = ModelStore(settings.models)
    shipped.list()
    try:
        store = VersionStore(settings.model_store) if settings.model_store else None
    except TumorcastError as e:
        sys.exit(f"The fusion service does not start: {e.message}")
    return LiveModels(shipped, store, ModelCache(settings.model_cache), settings.model_store_poll_s)


if __name__ == "__main__":
    main()
