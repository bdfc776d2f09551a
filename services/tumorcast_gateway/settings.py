"""Settings of the gateway."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from tumorcast_core.settings import ServiceSettings, is_loopback


class Settings(ServiceSettings):
    """Read from environment variables ``TUMORCAST_GATEWAY_<NAME>``; frozen once read."""

    model_config = SettingsConfigDict(env_prefix="TUMORCAST_GATEWAY_")

    rest_port: int = Field(default=8080, ge=0, le=65535, description="REST port; 0 takes a free one")
    imaging_target: str = Field(default="127.0.0.1:50051", description="gRPC target of the imaging service")
    clinical_target: str = Field(default="127.0.0.1:50052", description="gRPC target of the clinical service")
    notes_target: str = Field(default="127.0.0.1:50053", description="gRPC target of the notes service")
    fusion_target: str = Field(default="127.0.0.1:50054", description="gRPC target of the fusion service")
    deadline_s: float = Field(
        default=30.0, gt=0, description="longest time for one query, in seconds; a caller may ask for less"
    )
    upload_deadline_s: float = Field(default=600.0, gt=0, description="longest time for one upload, in seconds")
    max_body_mib: int = Field(default=32, ge=1, description="largest REST body of a query, in MiB")
    max_upload_mib: int = Field(default=2048, ge=1, description="largest REST upload of DICOM files, in MiB")
    auth: Literal["none"] = Field(default="none", description="who may call; none: everyone who reaches the port")
    insecure_demo: bool = Field(
        default=False, description="say true to serve without authentication beyond this machine"
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.auth == "none" and not is_loopback(self.host) and not self.insecure_demo:
            raise ValueError("without authentication the gateway binds loopback only; insecure_demo=true overrides it")
        if self.max_body_mib >= self.max_message_mib:
            raise ValueError("max_body_mib must be smaller than max_message_mib, or a record could not be forwarded")
        return self
