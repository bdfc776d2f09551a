"""The asynchronous client."""

from tumorcast_client.aio.client import AsyncTumorcast
from tumorcast_client.aio.jobs import AsyncJob

__all__ = ["AsyncJob", "AsyncTumorcast"]
