"""gRPC in one place: the boundary around every servicer method, the server that runs it, the client that calls it.

The boundary works the same under ``grpc.aio`` and under Ray Serve: it sets code, details and
``grpc-status-details-bin`` (a ``google.rpc.Status`` with ``ErrorInfo``, where trying again may help ``RetryInfo``, and
``BadRequest`` that says what is malformed where)
and returns an empty response, since an uncaught exception would reach the caller with its text.
"""

from tumorcast_core.rpc.admitting import PeersOnly, end, entering
from tumorcast_core.rpc.answering import answers, deadline_of, streams, within
from tumorcast_core.rpc.calling import call, channel_options, is_broken, is_told
from tumorcast_core.rpc.lines import Line
from tumorcast_core.rpc.refusing import RefusesEarly
from tumorcast_core.rpc.serving import serve, serve_peers, stop_signal
from tumorcast_core.rpc.telling import BUDGET_MS, ERROR_DOMAIN, REQUEST_ID, CallContext, incident, tell, told

__all__ = [
    "BUDGET_MS",
    "ERROR_DOMAIN",
    "REQUEST_ID",
    "CallContext",
    "Line",
    "PeersOnly",
    "RefusesEarly",
    "answers",
    "call",
    "channel_options",
    "deadline_of",
    "end",
    "entering",
    "incident",
    "is_broken",
    "is_told",
    "serve",
    "serve_peers",
    "stop_signal",
    "streams",
    "tell",
    "told",
    "within",
]
