"""Settings of the fusion service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tumorcast_core.settings import ServiceSettings, data_home
from tumorcast_fusion.model import SHIPPED


class Settings(ServiceSettings):
    """Read from ``TUMORCAST_FUSION_*``."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="TUMORCAST_FUSION_")

    port: int = Field(50054, ge=0, le=65535, description="gRPC port; 0 takes a free one")
    models: Path = Field(SHIPPED, description="folder of model folders; default: the models that come with the package")
    model_store: str = Field("", description="folder or fsspec URL of promoted versions; empty: shipped models alone")
    model_store_poll_s: float = Field(30.0, ge=1, le=3600, description="seconds between two looks at the model store")
    model_cache: Path = Field(
        default_factory=lambda: data_home() / "model-cache",
        description="folder of verified copies from the model store",
    )
