"""The start of a service as a process: settings that are off end it with one line that says which."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from pydantic_settings import SettingsError


@contextmanager
def starting(service: str) -> Iterator[None]:
    """End the process where settings, or what they name, cannot be used; values of settings are not told."""
    try:
        yield
    except ValidationError as e:
        reasons = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'settings'}: {error['msg']}" for error in e.errors())
        sys.exit(f"The {service} service does not start: {reasons}")
    except (SettingsError, ValueError) as e:
        sys.exit(f"The {service} service does not start: {e}")
