"""The client."""

from tumorcast_client.sync.client import Tumorcast
from tumorcast_client.sync.jobs import Job

__all__ = ["Job", "Tumorcast"]
