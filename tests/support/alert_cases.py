"""For every alert, series that set it off and series like them that do not; values as promtool writes them."""

from __future__ import annotations

from dataclasses import dataclass

NS = 'namespace="default"'
OTHER = 'namespace="elsewhere"'
SERVED = f'{NS},pod="demo-gateway-1"'
BESIDE = f'{NS},pod="demo-test-gateway-1"'
"""Of a release in the same namespace whose name goes on after this one's."""
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Series by name, one a minute, and when to look."""

    fires: Series
    quiet: Series
    after: str = "30m"


def requests(code: str, service: str = "gateway", door: str = "rest", method: str = "POST /v1/prognoses") -> str:
    labels = f'service="{service}",door="{door}",method="{method}",code="{code}"'
    return f"tumorcast_requests_total{{{SERVED},{labels}}}"


def failures(source: str, code: str) -> str:
    return f'tumorcast_source_failures_total{{{SERVED},source="{source}",code="{code}"}}'


ASKED = f'tumorcast_backend_calls_total{{{SERVED},backend="fusion",method="PredictPrognosis",code="OK"}}'
CLOSED = 'tumorcast_breaker_state{%s,backend="%s",state="closed"}'
PENDING = 'kube_pod_status_phase{%s,pod="%s",phase="Pending"}'
WAITING = f'kube_pod_container_status_waiting_reason{{{NS},pod="demo-fusion-1",container="fusion",reason="%s"}}'
TERMINATED = (
    f'kube_pod_container_status_last_terminated_reason{{{NS},pod="demo-fusion-1",container="fusion",reason="%s"}}'
)
RESTARTS = f'kube_pod_container_status_restarts_total{{{NS},pod="demo-fusion-1",container="fusion"}}'
USED = f'container_memory_working_set_bytes{{{NS},pod="demo-fusion-1",container="fusion"}}'
LIMIT = f'kube_pod_container_resource_limits{{{NS},pod="demo-fusion-1",container="fusion",resource="memory"}}'
JOB = f'kube_job_failed{{{NS},job_name="demo-gateway-migration",condition="%s"}}'
RAY = 'kuberay_service_condition_%s{%s,name="demo-imaging",condition="%s"}'
HPA = f'kube_horizontalpodautoscaler_%s_replicas{{{NS},horizontalpodautoscaler="demo-gateway"}}'
READY = f'certmanager_certificate_ready_status{{{NS},name="demo-gateway",condition="False"}}'
ENDS = 'certmanager_certificate_expiration_timestamp_seconds{exported_namespace="default",name="demo-gateway"}'


def histogram(name: str, labels: str, buckets: dict[str, str]) -> Series:
    return {f'{name}_bucket{{{SERVED},{labels},le="{le}"}}': values for le, values in buckets.items()}


LATENCY = ("tumorcast_request_seconds", 'service="gateway",door="rest",method="POST /v1/prognoses"')
LAG = ("tumorcast_event_loop_lag_seconds", 'service="gateway"')
ANSWERED = f'tumorcast_job_queries{{{SERVED},state="answered"}}'
WAITS = f'tumorcast_job_queries{{{SERVED},state="waiting"}}'
VERSION = f'tumorcast_model_version{{{SERVED},model="%s",sha256="%s"}}'
MODEL = f'tumorcast_model_endpoints_total{{{SERVED},model="glioma",status="%s"}}'

CASES: dict[str, Case] = {
    "TumorcastServiceAway": Case(
        {CLOSED % (SERVED, "notes"): "0x30", CLOSED % (BESIDE, "notes"): "1x30"}, {CLOSED % (BESIDE, "notes"): "0x30"}
    ),
    "TumorcastAnswersNarrower": Case(
        {failures("notes", "SERVICE_UNAVAILABLE"): "0+2x30", ASKED: "0+100x30"},
        {failures("notes", "MALFORMED_DOCUMENT"): "0+2x30", ASKED: "0+100x30"},
    ),
    "TumorcastSourceSlowOrRefusing": Case(
        {
            failures("imaging", "DEADLINE_EXCEEDED"): "0+9x30",
            ASKED: "0+100x30",
            CLOSED % (SERVED, "imaging"): "1x30",
        },
        {
            failures("imaging", "DEADLINE_EXCEEDED"): "0+9x30",
            ASKED: "0+100x30",
            CLOSED % (SERVED, "imaging"): "0x30",
        },
    ),
    "TumorcastIncident": Case(
        {requests("INCIDENT"): "0x25 1x5"},
        {requests("INCIDENT"): "3x30"},
    ),
    "TumorcastRefusedForLoad": Case(
        {requests("RESOURCE_EXHAUSTED"): "0+6x30", requests("OK"): "0+94x30"},
        {requests("RESOURCE_EXHAUSTED"): "0+4x30", requests("OK"): "0+96x30"},
    ),
    "TumorcastTooLate": Case(
        {requests("DEADLINE_EXCEEDED"): "0+2x30", requests("OK"): "0+98x30"},
        {requests("DEADLINE_EXCEEDED", "imaging"): "0+2x30", requests("OK"): "0+98x30"},
    ),
    "TumorcastSlow": Case(
        histogram(*LATENCY, {"10": "0+95x40", "20": "0+100x40", "+Inf": "0+100x40"}),
        histogram(*LATENCY, {"10": "0+100x40", "20": "0+100x40", "+Inf": "0+100x40"}),
        "40m",
    ),
    "TumorcastEventLoopBlocked": Case(
        histogram(*LAG, {"0.25": "0+100x30", "0.5": "0+120x30", "+Inf": "0+120x30"}),
        histogram(*LAG, {"0.25": "0+120x30", "0.5": "0+120x30", "+Inf": "0+120x30"}),
    ),
    "TumorcastJobsDoNotMove": Case(
        {WAITS: "5x60", ANSWERED: "7x60"},
        {WAITS: "5x60", ANSWERED: "7+1x60"},
        "60m",
    ),
    "TumorcastDatabaseDown": Case({requests("STORE_UNAVAILABLE"): "0+1x30"}, {requests("OK"): "0+1x30"}),
    "TumorcastModelAbstains": Case(
        {MODEL % "abstained": "0+6x1500", MODEL % "predicted": "0+4x1500"},
        {MODEL % "abstained": "0+4x1500", MODEL % "predicted": "0+6x1500"},
        "1500m",
    ),
    "TumorcastModelVersionsDiffer": Case(
        {VERSION % ("glioma", "a"): "1x30", VERSION % ("glioma", "b"): "1x30"},
        {
            VERSION % ("glioma", "a"): "1x30",
            VERSION % ("sarcoma", "b"): "1x30",
            f'tumorcast_model_version{{{BESIDE},model="glioma",sha256="b"}}': "1x30",
        },
    ),
    "TumorcastModelRefused": Case(
        {f'tumorcast_model_refused{{{SERVED},model="glioma",code="UNSOUND"}}': "1x30"},
        {f'tumorcast_model_refused{{{SERVED},model="glioma",code="UNSOUND"}}': "0x30"},
    ),
    "TumorcastModelStoreAway": Case(
        {f"tumorcast_model_store_up{{{SERVED}}}": "0x30"},
        {f"tumorcast_model_store_up{{{SERVED}}}": "1x30", f"tumorcast_model_store_up{{{BESIDE}}}": "0x30"},
    ),
    "TumorcastCredentialsRefused": Case(
        {requests("INVALID_TOKEN"): "0+120x30"}, {requests("INVALID_TOKEN"): "0+30x30"}
    ),
    "TumorcastPodPending": Case(
        {PENDING % (NS, "demo-imaging-x"): "1x30"},
        {PENDING % (NS, "other-x"): "1x30", PENDING % (OTHER, "demo-x"): "1x30"},
    ),
    "TumorcastImagePull": Case({WAITING % "ImagePullBackOff": "1x30"}, {WAITING % "ContainerCreating": "1x30"}),
    "TumorcastOutOfMemory": Case(
        {TERMINATED % "OOMKilled": "1x30", RESTARTS: "0x20 1x10"}, {TERMINATED % "OOMKilled": "1x30", RESTARTS: "1x30"}
    ),
    "TumorcastMemory": Case({USED: "95x30", LIMIT: "100x30"}, {USED: "80x30", LIMIT: "100x30"}),
    "TumorcastCrashLoop": Case({WAITING % "CrashLoopBackOff": "1x30"}, {WAITING % "PodInitializing": "1x30"}),
    "TumorcastMigrationFailed": Case({JOB % "true": "1x30"}, {JOB % "false": "1x30"}),
    "TumorcastImagingUpgradeStuck": Case(
        {RAY % ("upgrade_in_progress", 'exported_namespace="default"', "true"): "1x60"},
        {RAY % ("upgrade_in_progress", NS, "false"): "1x60"},
        "60m",
    ),
    "TumorcastImagingNotReady": Case(
        {RAY % ("ready", NS, "false"): "1x60"}, {RAY % ("ready", NS, "true"): "1x60"}, "60m"
    ),
    "TumorcastAutoscalerAtMost": Case(
        {HPA % "status_current": "6x30", HPA % "spec_max": "6x30"},
        {HPA % "status_current": "5x30", HPA % "spec_max": "6x30"},
    ),
    "TumorcastCertificate": Case({ENDS: "500000x60"}, {ENDS: "900000x60", READY: "0x60"}, "60m"),
}
