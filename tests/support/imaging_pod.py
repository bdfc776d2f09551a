"""The imaging servicer as a process under plain ``grpc.aio``, with no Ray: ``python -m support.imaging_pod``.

Settings are those of the imaging service; encoders run in this process.
"""

from __future__ import annotations

import asyncio

import torch

from tumorcast.imaging.v1.imaging_service_pb2_grpc import add_ImagingServiceServicer_to_server
from tumorcast_core import logs, rpc, telemetry
from tumorcast_core.tls import peer_files
from tumorcast_imaging.adapters.answers import AnswerCache, made_by
from tumorcast_imaging.adapters.encoders import LocalEncoder
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.adapters.studies import open_store
from tumorcast_imaging.model import SHIPPED, Encoder
from tumorcast_imaging.servicer import SERVICE, ImagingServicer
from tumorcast_imaging.settings import Settings


def main() -> None:
    settings = Settings()
    logs.configure("imaging", settings.log_level)
    torch.set_num_threads(1)
    encoder = Encoder.load(SHIPPED / "ct-lesion")
    encoder.warm_up()
    answers = AnswerCache(KeptFiles(settings.cache_root, settings.cache_mib << 20), made_by(), "cpu")
    servicer = ImagingServicer(open_store(settings), [LocalEncoder(encoder)], answers=answers)
    with telemetry.running("imaging", settings):
        asyncio.run(
            rpc.serve_peers(
                "imaging",
                lambda server: add_ImagingServiceServicer_to_server(servicer, server),
                settings,
                (SERVICE,),
                peer_files(settings),
            )
        )


if __name__ == "__main__":
    main()
