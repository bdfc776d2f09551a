"""``tumorcast platform``: a release on Kubernetes, one module for each command, around one Typer app (``app.py``)."""

import importlib
import pkgutil

from tumorcast_platform.commands.platform.app import platform_app

for _module in pkgutil.iter_modules(__path__):  # each module adds its commands
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["platform_app"]
