"""HTTP to servers that an operator allows, and to nothing else; needs httpx, so import it only where it is used."""

import logging

from tumorcast_core.outbound.body import Broken, Garbled, read_body
from tumorcast_core.outbound.client import Answer, Outbound
from tumorcast_core.outbound.destinations import Destinations, default_port
from tumorcast_core.outbound.pinned import PinnedTransport, Resolve, resolve

__all__ = [
    "Answer",
    "Broken",
    "Destinations",
    "Garbled",
    "Outbound",
    "PinnedTransport",
    "Resolve",
    "default_port",
    "read_body",
    "resolve",
]

for _name in ("httpx", "httpcore"):  # they log URLs and headers
    logging.getLogger(_name).setLevel(logging.WARNING)
