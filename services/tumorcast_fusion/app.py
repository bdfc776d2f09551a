"""Composition root of the fusion service: ``python -m tumorcast_fusion.app``."""

import asyncio

import torch

from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc, telemetry
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.servicer import FusionServicer
from tumorcast_fusion.settings import Settings

SERVICE = "tumorcast.fusion.v1.FusionService"


def main() -> None:
    """Load every model, then serve until SIGTERM."""
    settings = Settings()
    logs.configure("fusion", settings.log_level)
    torch.set_num_threads(1)  # the networks are small; threads would only get in each other's way
    models = ModelStore(settings.models)
    models.list()
    servicer = FusionServicer(models)
    with telemetry.running("fusion", settings):
        asyncio.run(
            rpc.serve(
                "fusion", lambda s: pb_grpc.add_FusionServiceServicer_to_server(servicer, s), settings, (SERVICE,)
            )
        )


if __name__ == "__main__":
    main()
