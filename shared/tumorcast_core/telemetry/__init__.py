"""Traces and metrics of all services, without patient data: names of methods, routes, models and codes, and counts.

Nothing here takes text of a caller: span names and labels come from the code, the error tree and the models installed.
Traces go to ``OTEL_EXPORTER_OTLP_ENDPOINT`` by OTLP over HTTP, metrics are read at ``metrics_port``; with neither,
nothing leaves the process and calls cost a few counters.
"""

from tumorcast_core.telemetry import metrics
from tumorcast_core.telemetry.asgi import REASON, RestTelemetry
from tumorcast_core.telemetry.calls import CANCELLED, Outcome, answering, asking
from tumorcast_core.telemetry.exposition import exposition, merged, serving_metrics
from tumorcast_core.telemetry.loop import watching_loop
from tumorcast_core.telemetry.process import running, start_replica
from tumorcast_core.telemetry.tracing import TRACEPARENT, Attribute, note, outgoing, trace_id, tracing_to

__all__ = [
    "CANCELLED",
    "REASON",
    "TRACEPARENT",
    "Attribute",
    "Outcome",
    "RestTelemetry",
    "answering",
    "asking",
    "exposition",
    "merged",
    "metrics",
    "note",
    "outgoing",
    "running",
    "serving_metrics",
    "start_replica",
    "trace_id",
    "tracing_to",
    "watching_loop",
]
