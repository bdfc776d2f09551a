"""What is wired: settings, study store, encoders, Ray Serve. Runs as ``python -m tumorcast_imaging.app``.

Annotations are not postponed here: Ray reads the type of ``build``'s argument to turn a RayService's args into it.
"""

import logging
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorcast_core import logs, telemetry
from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model import EncoderManifest
from tumorcast_imaging.settings import Scaling, Settings

if TYPE_CHECKING:
    from ray.serve import Application, Deployment

APPLICATION = "imaging"
log = logging.getLogger("tumorcast_imaging.app")  # run as a module, its own name would not say whose words these are


def encoder_folders(settings: Settings) -> list[Path]:
    """The encoders to run: those named, or every folder with a manifest."""
    if settings.encoders:
        return [settings.encoder_root / name for name in settings.encoders]
    return sorted(manifest.parent for manifest in settings.encoder_root.glob("*/manifest.yaml"))


def build(args: Settings) -> "Application":
    """The Serve application: one ingress, and one deployment per encoder unless the ingress holds them.

    A Serve application builder, for RayService.
    """
    from ray import serve

    from tumorcast_imaging.deployments import Ingress

    folders = encoder_folders(args)
    manifests = [EncoderManifest.load(folder) for folder in folders]
    _refuse_unknown(args, {manifest.name for manifest in manifests})
    apart = zip(manifests, folders, strict=True) if args.encoder_placement == "apart" else ()
    handles = [_encoder(args, manifest).bind(args, folder, manifest.name) for manifest, folder in apart]
    application: Application = serve.deployment(
        name="ingress",
        max_ongoing_requests=args.max_concurrent_calls,
        max_queued_requests=args.max_queued_calls,
        ray_actor_options={"num_cpus": args.ingress_num_cpus},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=args.drain_s,
        **_replicas(args.ingress_scaling, args.ingress_replicas, args.max_concurrent_calls),
    )(Ingress).bind(args, folders, manifests, *handles)
    return application


def _refuse_unknown(args: Settings, encoders: set[str]) -> None:
    for name, named in (("encoders_scaling", args.encoders_scaling), ("encoders_resources", args.encoders_resources)):
        if unknown := set(named) - encoders:
            raise InvalidInput(f"{name} names no encoder that runs here: {', '.join(sorted(unknown))}.")


def _encoder(args: Settings, manifest: EncoderManifest) -> "Deployment":
    from ray import serve

    from tumorcast_imaging.deployments import EncoderReplica

    ongoing = args.ongoing_crops(manifest.crop.voxels**3)
    resources = args.resources_of(manifest.name)
    deployment: Deployment = serve.deployment(
        name=f"encoder-{manifest.name}",
        max_ongoing_requests=ongoing,
        max_queued_requests=args.max_queued_crops,
        ray_actor_options={"num_cpus": resources.num_cpus, "num_gpus": resources.num_gpus},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=args.drain_s,
        **_replicas(args.scaling_of(manifest.name), args.encoder_replicas, ongoing),
    )(EncoderReplica)
    return deployment


def _replicas(scaling: Scaling | None, fixed: int, ongoing: int) -> dict[str, Any]:
    """Serve's options for a fixed number of replicas, or for a number that follows the load."""
    if scaling is None:
        return {"num_replicas": fixed}
    if scaling.target_ongoing > ongoing:
        raise InvalidInput(f"target_ongoing must not exceed {ongoing}, what one replica takes at a time.")
    return {
        "autoscaling_config": {
            "min_replicas": scaling.min_replicas,
            "max_replicas": scaling.max_replicas,
            "target_ongoing_requests": scaling.target_ongoing,
            "upscale_delay_s": scaling.upscale_delay_s,
            "downscale_delay_s": scaling.downscale_delay_s,
            "upscaling_factor": scaling.upscaling_factor,
            "downscaling_factor": scaling.downscaling_factor,
        }
    }


def _drain(seconds: float) -> None:
    """Let running calls end before Serve is shut down, which would end the encoders under them."""
    from ray import serve

    log.info("imaging drains for up to %g s", seconds)
    try:
        ingress = serve.get_deployment_handle("ingress", APPLICATION)
        ended = all(ingress.broadcast("drain", seconds).results(timeout_s=seconds + 5))
    except Exception as e:  # whatever state Serve is in, it is shut down next
        log.warning("imaging could not drain: %s", type(e).__name__)
        return
    if ended:
        log.info("imaging has drained")
    else:
        log.info("imaging ended calls that were still running")


def _metrics_of_replicas() -> dict[str, str]:
    """Ask every ingress replica; those that do not answer within two seconds are left out with the others."""
    from ray import serve

    try:
        return dict(serve.get_deployment_handle("ingress", APPLICATION).broadcast("metrics").results(timeout_s=2))
    except Exception as e:  # whatever state Serve is in, Prometheus gets an answer
        log.warning("imaging has no metrics of its replicas: %s", type(e).__name__)
        return {}


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
        serve.run(build(settings.model_copy(update={"metrics_port": 0})), name=APPLICATION)
        log.info("imaging serves gRPC on %s:%d", settings.host, port)
        with telemetry.running("imaging", settings, telemetry.merged(_metrics_of_replicas)):
            stop.wait()
        _drain(settings.drain_s)


if __name__ == "__main__":
    main()
