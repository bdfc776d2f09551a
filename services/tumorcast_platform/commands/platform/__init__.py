"""``tumorcast platform``: a release on Kubernetes, one module for each command, around one Typer app (``app.py``)."""

from tumorcast_platform.commands.platform import (  # noqa: F401, I001 - each module adds its commands, in this order
    status,
    wait,
    diagnose,
    render,
    validate,
    scale,
    smoke,
    capacity,
    submit,
    jobs,
    models,
)
from tumorcast_platform.commands.platform.app import platform_app

__all__ = ["platform_app"]
