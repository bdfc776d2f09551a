"""Settings of the imaging service, read once in ``app``; the README has the table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tumorcast_core.settings import ServiceSettings
from tumorcast_imaging.model import SHIPPED


class Settings(ServiceSettings):
    """Read from ``TUMORCAST_IMAGING_*``, or from a RayService application's arguments; unknown names are refused."""

    model_config = SettingsConfigDict(env_prefix="TUMORCAST_IMAGING_", frozen=True, extra="forbid")

    study_root: Path = Field(Path("studies"), description="folder of the study store")
    max_file_mib: int = Field(256, ge=1, le=2048, description="largest DICOM file taken, in MiB")
    encoder_root: Path = Field(SHIPPED, description="folder with one folder per encoder")
    encoders: tuple[str, ...] = Field((), description="encoders to run, by name; empty: every one in encoder_root")
    precision: Literal["", "bf16", "float32"] = Field("", description="empty: bf16 where the hardware has it")

    ray_address: str = Field("", description="Ray cluster to join; empty: start one on this machine, loopback only")
    ray_num_cpus: int = Field(0, ge=0, description="CPUs of the Ray started here; 0: all")
    ray_object_store_mib: int = Field(256, ge=80, description="object store of the Ray started here, in MiB")

    ingress_replicas: int = Field(1, ge=1)
    ingress_num_cpus: float = Field(0.2, ge=0, description="CPUs reserved for one ingress replica")
    encoder_replicas: int = Field(1, ge=1, description="replicas of each encoder")
    encoder_num_cpus: float = Field(0.5, ge=0, description="CPUs reserved for one encoder replica")
    encoder_num_gpus: float = Field(0, ge=0, description="GPUs reserved for one encoder replica; above 0 it runs there")
    encoder_threads: int = Field(1, ge=0, description="torch threads of an encoder replica; 0: one per CPU core")
    encoder_timeout_s: float = Field(30, gt=0, description="an encoder that has not answered by then is unavailable")
    batch_voxels: int = Field(1 << 21, ge=1, description="crop voxels that one batch may hold")
    batch_wait_s: float = Field(0.002, ge=0, description="how long a batch waits for company")
    max_ongoing_crops: int = Field(32, ge=1, description="crops that one encoder replica takes at a time")
    max_queued_crops: int = Field(64, ge=1, description="crops that wait beyond those; more gives RESOURCE_EXHAUSTED")
