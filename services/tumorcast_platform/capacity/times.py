"""How long the parts of imaging take on one kind of machine: measured, or assumed and marked so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tumorcast_core.errors import InvalidInput

PROFILES = Path(__file__).parent / "profiles"


class Duration(BaseModel):
    """Times that scatter: gamma distributed, or drawn from measured ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean_ms: float = Field(ge=0)
    cv: float = Field(0, ge=0, le=5, description="standard deviation over mean; 0: always the mean, 1: exponential")
    samples_ms: tuple[float, ...] = Field(
        (), description="measured times, drawn from in place of the gamma distribution"
    )

    def drawn_s(self, rng: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Give so many times in seconds.

        >>> Duration(mean_ms=20).drawn_s(np.random.default_rng(1), 2).tolist()
        [0.02, 0.02]
        """
        if self.samples_ms:
            return rng.choice(np.array(self.samples_ms), number) / 1000
        if self.cv == 0 or self.mean_ms == 0:
            return np.full(number, self.mean_ms / 1000)
        shape = self.cv**-2
        return rng.gamma(shape, self.mean_ms / 1000 / shape, number)


class Times(BaseModel):
    """What a study and its crops take on one kind of machine.

    A study takes a place of its ingress replica for ``fetch`` (waiting for files) and ``prepare`` (processor time,
    alone on the machine); its crops leave after ``cut_share`` of the latter. ``contention`` is how much more processor
    time each takes where several are prepared at once, in the limit of many. A forward pass takes ``pass_ms`` for up
    to ``pass_crops`` crops, however few they are: the service always computes the same shape.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    machine: str = Field(description="which machine the times are of")
    source: str = Field(description="what they were measured with, or what the assumption rests on")
    measured: bool = Field(description="false: an assumption")
    fetch: Duration = Duration(mean_ms=0)
    prepare: Duration
    cut_share: float = Field(0.5, ge=0, le=1)
    contention: float = Field(0, ge=0, le=10)
    crops_per_study: float = Field(1, ge=0, description="mean; one and a Poisson number more, if it is above one")
    crop_voxels: int = Field(48, ge=8, le=512, description="side of a crop")
    hop_ms: float = Field(0, ge=0, description="a crop's way to the encoder and its vector's way back")
    pass_ms: float = Field(gt=0)
    pass_crops: int = Field(1, ge=1, description="1 on a CPU, 4 on a GPU")
    device: Literal["cpu", "gpu"] = Field("cpu", description="what an encoder replica has one of")
    answer_ms: float = Field(0, ge=0, description="proxy and wire of one answer")

    def encode_s(self, crops: int) -> float:
        """Seconds that one batch takes an encoder.

        >>> load("gpu-l4-assumed").encode_s(5) == 2 * load("gpu-l4-assumed").encode_s(1)
        True
        """
        return -(-crops // self.pass_crops) * self.pass_ms / 1000

    def crops(self, rng: np.random.Generator, number: int) -> NDArray[np.int64]:
        """Give how many crops each of so many studies has."""
        if self.crops_per_study <= 1:
            return (rng.random(number) < self.crops_per_study).astype(np.int64)
        return 1 + rng.poisson(self.crops_per_study - 1, number)


@dataclass(frozen=True, slots=True)
class Study:
    """One arrival: when, and what it takes."""

    at_s: float
    fetch_s: float
    prepare_s: float
    crops: int


def load(name: str) -> Times:
    """Read a profile that is shipped, by name, or any by its path.

    Raises ``InvalidInput`` where there is none or it says something else.

    >>> load("cpu-avx512").measured
    True
    """
    path = PROFILES / f"{name}.yaml" if name in shipped() else Path(name)
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Times.model_validate(found)
    except OSError as e:
        raise InvalidInput(f"There is no profile of that name or path; shipped are {', '.join(shipped())}.") from e
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise InvalidInput("The profile is not YAML.") from e
    except ValidationError as e:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in e.errors()[:5])
        raise InvalidInput(f"The profile is off: {wrong}.") from e


def shipped() -> list[str]:
    """Names of the profiles that come along.

    >>> shipped()
    ['cpu-avx512', 'gpu-l4-assumed']
    """
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))
