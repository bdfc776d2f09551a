"""Settings of the notes service, environment prefix ``TUMORCAST_NOTES_``."""

from __future__ import annotations

from pydantic import Field

from tumorcast_core.settings import ServiceSettings


class Settings(ServiceSettings, env_prefix="TUMORCAST_NOTES_"):
    """What an operator may set; read once, in ``app``."""

    max_document_kib: int = Field(default=1024, ge=1, description="largest document taken, in KiB")
    max_documents: int = Field(default=1000, ge=1, description="most documents of one call taken")
