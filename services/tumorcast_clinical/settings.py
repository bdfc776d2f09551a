"""Settings of the clinical service, environment prefix ``TUMORCAST_CLINICAL_``."""

from __future__ import annotations

from pydantic import Field

from tumorcast_core.settings import ServiceSettings


class Settings(ServiceSettings, env_prefix="TUMORCAST_CLINICAL_"):
    """What an operator may set; read once, in ``app``."""

    max_fhir_mib: int = Field(default=32, ge=1, le=1024, description="largest record taken, in MiB")
    max_fhir_depth: int = Field(default=100, ge=10, le=200, description="deepest nesting of JSON taken")
    max_fhir_entries: int = Field(default=100_000, ge=1, description="most entries of one Bundle taken")
