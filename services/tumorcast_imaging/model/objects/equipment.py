"""What made an object: this software, by name and version; never a person."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from tumorcast_imaging.model.objects.uids import derived_uid

NAME = "Tumorcast"
VERSION = version("tumorcast")
DEVICE_UID = derived_uid("device", NAME, VERSION)
EQUIPMENT: dict[str, Any] = {
    "manufacturer": NAME,
    "manufacturer_model_name": NAME,
    "software_versions": VERSION,
    "device_serial_number": VERSION,
}
