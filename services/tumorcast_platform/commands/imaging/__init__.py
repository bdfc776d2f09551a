"""``tumorcast imaging``: DICOM in, series checked and converted, lesions measured, pictured and sent back."""

from tumorcast_platform.commands.imaging import (  # noqa: F401 - each module adds its commands
    candidates,
    change,
    explain,
    export,
    measure,
    picture,
    quality,
    segment,
    series,
)
from tumorcast_platform.commands.imaging.app import imaging_app

__all__ = ["imaging_app"]
