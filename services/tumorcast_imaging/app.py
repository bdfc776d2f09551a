"""What is wired: settings, study store, encoders, Ray Serve. Runs as ``python -m tumorcast_imaging.app``.

Annotations are not postponed here: Ray reads the type of ``build``'s argument to turn a RayService's args into it.
"""

import logging
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tumorcast_core import logs
from tumorcast_imaging.model import EncoderManifest
from tumorcast_imaging.settings import Settings

if TYPE_CHECKING:
    from ray.serve import Application

APPLICATION = "imaging"
log = logging.getLogger(__name__)


def encoder_folders(settings: Settings) -> list[Path]:
    """The encoders to run: those named, or every folder with a manifest."""
    if settings.encoders:
        return [settings.encoder_root / name for name in settings.encoders]
    return sorted(manifest.parent for manifest in settings.encoder_root.glob("*/manifest.yaml"))


def build(args: Settings) -> "Application":
    """The Serve application: one ingress, one deployment per encoder (a Serve application builder, for RayService)."""
    from ray import serve

    from tumorcast_imaging.deployments import EncoderReplica, Ingress

    folders = encoder_folders(args)
    manifests = [EncoderManifest.load(folder) for folder in folders]
    handles = [
        serve.deployment(
            name=f"encoder-{manifest.name}",
            num_replicas=args.encoder_replicas,
            max_ongoing_requests=args.max_ongoing_crops,
            max_queued_requests=args.max_queued_crops,
            ray_actor_options={"num_cpus": args.encoder_num_cpus, "num_gpus": args.encoder_num_gpus},
            health_check_period_s=5,
            graceful_shutdown_timeout_s=args.drain_s,
        )(EncoderReplica).bind(args, folder)
        for manifest, folder in zip(manifests, folders, strict=True)
    ]
    application: Application = serve.deployment(
        name="ingress",
        num_replicas=args.ingress_replicas,
        max_ongoing_requests=args.max_concurrent_calls,
        max_queued_requests=args.max_concurrent_calls,
        ray_actor_options={"num_cpus": args.ingress_num_cpus},
        graceful_shutdown_timeout_s=args.drain_s,
    )(Ingress).bind(args, manifests, *handles)
    return application


def main() -> None:
    """Serve until SIGTERM or SIGINT, then leave no process behind."""
    from tumorcast_imaging import ray_runtime

    settings = Settings()
    logs.configure("imaging", settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ray_runtime.running(settings) as port:
        from ray import serve

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())  # Ray sets its own
        serve.run(build(settings), name=APPLICATION)
        log.info("imaging serves gRPC on %s:%d", settings.host, port)
        stop.wait()


if __name__ == "__main__":
    main()
