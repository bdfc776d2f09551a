"""Settings of the imaging service, read once in ``app``; the README has the table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from tumorcast_core.errors import InvalidInput
from tumorcast_core.settings import ServiceSettings
from tumorcast_imaging.model import SHIPPED


class Scaling(BaseModel):
    """How many replicas a deployment has: as many as keep ``target_ongoing`` calls or crops on each, within bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_replicas: int = Field(1, ge=1)
    max_replicas: int = Field(ge=1)
    target_ongoing: float = Field(gt=0, description="running and waiting calls (ingress) or crops (encoder) a replica")
    upscale_delay_s: float = Field(10, ge=0, description="how long more must be wanted before a replica is added")
    downscale_delay_s: float = Field(300, ge=0, description="how long fewer must do before one is removed")
    upscaling_factor: float = Field(1, gt=0, description="part of what is missing that is added at a time")
    downscaling_factor: float = Field(1, gt=0, description="part of what is too much that is removed at a time")

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not exceed max_replicas")
        return self


class Resources(BaseModel):
    """What one replica of an encoder gets; what is left out is as for every encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_cpus: float | None = Field(None, ge=0)
    num_gpus: float | None = Field(None, ge=0, description="a part of one, or a whole number")
    threads: int | None = Field(None, ge=0, description="torch threads; 0: one per CPU core")

    @field_validator("num_gpus")
    @classmethod
    def _more_than_one_gpu_is_a_whole_number(cls, value: float | None) -> float | None:
        if value is not None and value > 1 and value % 1:
            raise ValueError("more than one GPU must be a whole number")
        return value


class Settings(ServiceSettings):
    """Read from ``TUMORCAST_IMAGING_*``, or from a RayService application's arguments; unknown names are refused."""

    model_config = SettingsConfigDict(env_prefix="TUMORCAST_IMAGING_", frozen=True, extra="forbid")

    study_store: str = Field("studies", description="folder of the studies, or http(s) URL of a DICOMweb server")
    study_cache: Path = Field(Path("study-cache"), description="folder for studies fetched by DICOMweb")
    study_cache_mib: int = Field(20_480, ge=1, description="size of that folder, in MiB; the longest unused study goes")
    dicomweb_allowed_hosts: tuple[str, ...] = Field((), description="host or host:port that DICOMweb may go to")
    dicomweb_user: str = Field("", description="user for basic authentication; empty: bearer token")
    dicomweb_secret: SecretStr = Field(SecretStr(""), description="token, or the user's password")
    dicomweb_secret_file: str = Field("", description="file with the secret, read anew for every request")
    dicomweb_ca_file: str = Field("", description="certificate authorities to trust, as PEM; empty: those of certifi")
    dicomweb_timeout_s: float = Field(30, gt=0, description="a DICOMweb server silent for this long is unavailable")
    dicomweb_longest_s: float = Field(300, gt=0, description="longest time for one answer of a DICOMweb server")
    max_file_mib: int = Field(256, ge=1, le=2048, description="largest DICOM file taken, in MiB")
    cache_root: Path = Field(Path("embeddings"), description="folder of the vectors and answers computed before")
    cache_mib: int = Field(256, ge=0, description="most that the folder takes on disk, in MiB; 0: no cache")
    cache_answers: bool = Field(True, description="whether whole answers are kept there, not vectors alone")
    encoder_root: Path = Field(SHIPPED, description="folder with one folder per encoder")
    encoders: tuple[str, ...] = Field((), description="encoders to run, by name; empty: every one in encoder_root")
    precision: Literal["", "bf16", "float32"] = Field("", description="empty: bf16 where the hardware has it")

    ray_address: str = Field("", description="Ray cluster to join; empty: start one on this machine, loopback only")
    ray_num_cpus: int = Field(0, ge=0, description="CPUs of the Ray started here; 0: all")
    ray_object_store_mib: int = Field(256, ge=80, description="object store of the Ray started here, in MiB")

    haproxy: bool = Field(True, description="HAProxy as proxy of the Ray started here; false: Ray Serve's own")

    ingress_replicas: int = Field(1, ge=1)
    ingress_scaling: Scaling | None = Field(None, description="in place of ingress_replicas")
    max_queued_calls: int = Field(
        64, ge=0, description="calls that wait beyond max_concurrent_calls, per ingress replica"
    )
    ingress_num_cpus: float = Field(0.2, ge=0, description="CPUs reserved for one ingress replica")
    studies_at_once: int = Field(
        4, ge=1, description="studies that one ingress replica reads and measures at once; the others wait"
    )
    encoder_placement: Literal["apart", "ingress"] = Field(
        "apart", description="apart: a deployment for each encoder; ingress: on the CPU, in every ingress replica"
    )
    encoder_replicas: int = Field(1, ge=1, description="replicas of each encoder")
    encoder_scaling: Scaling | None = Field(None, description="of each encoder, in place of encoder_replicas")
    encoders_scaling: dict[str, Scaling] = Field({}, description="of single encoders, by name")
    encoder_num_cpus: float = Field(0.5, ge=0, description="CPUs reserved for one encoder replica")
    encoder_num_gpus: float = Field(0, ge=0, description="GPUs reserved for one encoder replica; above 0 it runs there")
    encoder_threads: int = Field(1, ge=0, description="torch threads of an encoder replica; 0: one per CPU core")
    encoders_resources: dict[str, Resources] = Field({}, description="of single encoders, by name")
    encoder_timeout_s: float = Field(30, gt=0, description="an encoder that has not answered by then is unavailable")
    batch_voxels: int = Field(1 << 21, ge=1, description="crop voxels that one batch may hold")
    batch_wait_s: float | None = Field(
        None, ge=0, description="how long a batch waits for company; empty: 2 ms on a GPU, else not at all"
    )
    max_ongoing_crops: int = Field(
        0, ge=0, description="crops that one encoder replica takes at a time; 0: two full batches, at least 32"
    )
    max_queued_crops: int = Field(64, ge=1, description="crops that wait beyond those; more gives RESOURCE_EXHAUSTED")

    @model_validator(mode="after")
    def _ingress_is_scaled_within_what_it_takes(self) -> Self:
        if self.ingress_scaling and self.ingress_scaling.target_ongoing > self.max_concurrent_calls:
            raise ValueError("ingress_scaling.target_ongoing must not exceed max_concurrent_calls")
        return self

    @model_validator(mode="after")
    def _encoders_in_the_ingress_have_nothing_of_their_own(self) -> Self:
        own = self.encoder_scaling or self.encoders_scaling or self.encoders_resources or self.encoder_replicas > 1
        if self.encoder_placement == "ingress" and (self.encoder_num_gpus > 0 or own):
            raise ValueError("encoders in the ingress have no resources, replicas or scaling of their own")
        return self

    def scaling_of(self, encoder: str) -> Scaling | None:
        """How an encoder is scaled; none: ``encoder_replicas``, always."""
        return self.encoders_scaling.get(encoder, self.encoder_scaling)

    def resources_of(self, encoder: str) -> Resources:
        """What a replica of an encoder gets, with nothing left out."""
        own = self.encoders_resources.get(encoder, Resources())
        return Resources(
            num_cpus=self.encoder_num_cpus if own.num_cpus is None else own.num_cpus,
            num_gpus=self.encoder_num_gpus if own.num_gpus is None else own.num_gpus,
            threads=self.encoder_threads if own.threads is None else own.threads,
        )

    def device_of(self, encoder: str) -> Literal["cuda", "cpu"]:
        """The kind of device that an encoder computes on."""
        return "cuda" if self.resources_of(encoder).num_gpus else "cpu"

    def ongoing_crops(self, crop_voxels: int) -> int:
        """Crops that a replica takes at a time, of so many voxels each.

        Raises ``InvalidInput`` where they are fewer than a full batch, which could then never come together.
        """
        batch = max(self.batch_voxels // crop_voxels, 1)
        if self.max_ongoing_crops and self.max_ongoing_crops < batch:
            raise InvalidInput(f"max_ongoing_crops must be at least {batch}, the crops of a full batch.")
        return self.max_ongoing_crops or max(2 * batch, 32)
