"""Runs the imaging servicer under plain ``grpc.aio``, with no Ray: ``python -m support.run_imaging STORE``.

Prints its port once it is warm, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import torch

from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_imaging.adapters.encoders import LocalEncoder
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import SHIPPED, Encoder
from tumorcast_imaging.servicer import ImagingServicer


async def serve(store: str) -> None:
    torch.set_num_threads(1)
    encoder = Encoder.load(SHIPPED / "ct-lesion")
    encoder.warm_up()
    server = grpc.aio.server()
    servicer = ImagingServicer(FolderStudyStore(store), [LocalEncoder(encoder)])
    pb_grpc.add_ImagingServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
