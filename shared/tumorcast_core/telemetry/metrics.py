"""Metrics that an operator alerts on (Prometheus).

Labels are bounded: services, methods and routes are those of the code, codes those of the error tree or of HTTP, models
those that fusion has installed, as fusion names them. A name that a caller sends never becomes a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

REGISTRY = CollectorRegistry()
OK = "OK"
UNMATCHED = "unmatched"
BREAKER_STATES = ("closed", "half_open", "open")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
"""Up to the longest deadlines: 30 s for a query, 600 s for an upload."""
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

build = Info("tumorcast_build", "version of Tumorcast", registry=REGISTRY)
requests = Counter(
    "tumorcast_requests",
    "requests answered, by reason code; OK: without error",
    ("service", "door", "method", "code"),
    registry=REGISTRY,
)
request_seconds = Histogram(
    "tumorcast_request_seconds",
    "time from a request to its answer",
    ("service", "door", "method"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
in_flight = Gauge("tumorcast_requests_in_flight", "requests being answered", ("service", "door"), registry=REGISTRY)
backend_calls = Counter(
    "tumorcast_backend_calls",
    "calls to another service, by its reason code",
    ("backend", "method", "code"),
    registry=REGISTRY,
)
backend_seconds = Histogram(
    "tumorcast_backend_call_seconds",
    "time of a call to another service",
    ("backend", "method"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
breaker_state = Gauge(
    "tumorcast_breaker_state", "1 for the state that a circuit breaker is in", ("backend", "state"), registry=REGISTRY
)
breaker_opened = Counter("tumorcast_breaker_opened", "times that a breaker opened", ("backend",), registry=REGISTRY)
source_failures = Counter(
    "tumorcast_source_failures",
    "sources that failed under a query, which makes its answer narrower",
    ("source", "code"),
    registry=REGISTRY,
)
model_endpoints = Counter(
    "tumorcast_model_endpoints",
    "endpoints that a model answered for, by what became of them: predicted, abstained",
    ("model", "status"),
    registry=REGISTRY,
)
kept_lookups = Counter(
    "tumorcast_kept_lookups",
    "looks for what imaging computed before: answer, vector; found or not",
    ("what", "found"),
    registry=REGISTRY,
)
job_queries = Gauge("tumorcast_job_queries", "queries of jobs by state", ("state",), registry=REGISTRY)
loop_lag = Histogram(
    "tumorcast_event_loop_lag_seconds",
    "how late the event loop woke up, looked at twice a second",
    ("service",),
    buckets=_LAG_SECONDS,
    registry=REGISTRY,
)


def tell_refusal(service: str, door: str, code: str) -> None:
    """Count a request that was refused before it was known to be one of any method."""
    requests.labels(service, door, UNMATCHED, code).inc()


def tell_breaker(backend: str, state: str) -> None:
    """Say which state a breaker is in."""
    for one in BREAKER_STATES:
        breaker_state.labels(backend, one).set(one == state)


def tell_source_failure(source: str, code: str) -> None:
    """Count a source that failed under a query; ``source`` is a service's name, ``code`` a reason code."""
    source_failures.labels(source, code).inc()


def tell_prognosis(model: str, statuses: Iterable[str]) -> None:
    """Count the endpoints of one answer. ``model`` is the name of the model that answered, not of the one asked for."""
    for status in statuses:
        model_endpoints.labels(model, status).inc()


def tell_lookup(what: str, *, found: bool) -> None:
    """Count one look for an answer or a vector that was computed before."""
    kept_lookups.labels(what, "yes" if found else "no").inc()


def tell_job_queries(counts: Mapping[str, int]) -> None:
    """Say how many queries of jobs are in each state; every state is to be given, those with none as 0."""
    for state, count in counts.items():
        job_queries.labels(state).set(count)
