"""Calls imaging through the doors of several pods for some seconds; run in a namespace of its own.

``python -m support.imaging_calls FOLDER SECONDS ADDRESS…`` with client.pem, client.key.pem and release.pem in FOLDER
and a study's files in FOLDER/in; writes, as JSON, how many calls of each outcome went through each address, and the
slowest. No call is repeated, so that each that breaks is seen.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

import grpc

from support.dicom_factory import STUDY
from support.imaging_client import encode, upload
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import TumorcastError

CALLERS = 4
"""Callers at each address, so that every replica always has calls under way."""
NAME = [("grpc.ssl_target_name_override", "localhost")]


async def main(folder: Path, seconds: float, addresses: list[str]) -> None:
    credentials = grpc.ssl_channel_credentials(
        (folder / "release.pem").read_bytes(),
        (folder / "client.key.pem").read_bytes(),
        (folder / "client.pem").read_bytes(),
    )
    channels = {each: grpc.aio.secure_channel(f"{each}:9443", credentials, NAME) for each in addresses}
    stubs = {each: pb_grpc.ImagingServiceStub(channel) for each, channel in channels.items()}
    await upload(stubs[addresses[0]], sorted((folder / "in").iterdir()))
    sys.stdout.write("calling\n")
    sys.stdout.flush()
    counts: dict[str, Counter[str]] = {each: Counter() for each in addresses}
    vectors: set[str] = set()
    end, slowest = time.monotonic() + seconds, 0.0

    async def call(address: str) -> None:
        nonlocal slowest
        while time.monotonic() < end:
            started = time.monotonic()
            try:
                answer = await encode(stubs[address], STUDY, Deadline.after(20))
                vectors.add(answer.embeddings[0].SerializeToString(deterministic=True).hex())
                counts[address]["ok"] += 1
            except TumorcastError as e:
                counts[address][e.reason] += 1
            slowest = max(slowest, time.monotonic() - started)
            await asyncio.sleep(0.05)

    await asyncio.gather(*(call(address) for address in addresses * CALLERS))
    for channel in channels.values():
        await channel.close()
    json.dump({"counts": counts, "slowest_s": slowest, "answers": len(vectors)}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
