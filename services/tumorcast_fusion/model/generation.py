"""Which version of a model answers, since when and why: one record of a model store.

Records are numbered from 1 and never change; the newest that can be read counts. So the list of them is the history,
and rolling back is one more record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import ModelRef

SHIPPED_VERSION = "shipped"
"""The version that came with the package: it needs no store."""
MAX_RECORD_BYTES = 256 << 10
LAST_NUMBER = 99_999_999
NAME = r"[a-z0-9][a-z0-9-]{0,63}"
_PUBLISHED = r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}-[0-9a-f]{12}"
_VERSION = rf"^(|{SHIPPED_VERSION}|{_PUBLISHED})$"
_SHA256 = r"^(|[0-9a-f]{64})$"

VersionName = Annotated[str, Field(pattern=_VERSION)]
Sha256 = Annotated[str, Field(pattern=_SHA256)]


class Generation(BaseModel):
    """One record: ``active`` answers, ``shadow`` is asked beside it, ``previous`` answered before.

    Versions are ``shipped``, or a folder of the store, ``<version>-<first 12 digits of the model's sha256>``; then the
    whole sha256 stands beside it. ``evidence`` is what the change rests on: figures, no patient data.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    format: Annotated[int, Field(ge=1, le=1)] = 1
    number: Annotated[int, Field(ge=1, le=LAST_NUMBER)]
    model: Annotated[str, Field(pattern=f"^{NAME}$")]
    active: Annotated[VersionName, Field(min_length=1)]
    active_sha256: Sha256 = ""
    shadow: VersionName = ""
    shadow_sha256: Sha256 = ""
    previous: VersionName = ""
    by: Annotated[str, Field(max_length=200)] = ""
    at: Annotated[str, Field(max_length=40)] = ""
    reason: Annotated[str, Field(max_length=2_000)] = ""
    evidence: Mapping[str, JsonValue] = {}

    @model_validator(mode="after")
    def _digests_fit(self) -> Self:
        for version, sha256 in ((self.active, self.active_sha256), (self.shadow, self.shadow_sha256)):
            if digest_in(version) != sha256[:12]:
                raise ValueError("a version and its sha256 do not belong together")
        return self

    def sha256_of(self, version: str) -> str:
        """The sha256 that is told of one of the two versions; empty for the shipped one."""
        return self.active_sha256 if version == self.active else self.shadow_sha256

    def written(self) -> bytes:
        """The record as the store keeps it."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_generation(content: bytes, model: str, number: int) -> Generation:
    """Read what stands as record ``number`` of a model; raises ``InvalidInput`` for anything else than that."""
    if len(content) > MAX_RECORD_BYTES:
        raise InvalidInput(f"Record {number} of the model is longer than a record can be.")
    try:
        found = Generation.model_validate_json(content)
    except (ValidationError, ValueError, RecursionError) as e:
        raise InvalidInput(f"Record {number} of the model cannot be read.") from e
    if (found.model, found.number) != (model, number):
        raise InvalidInput(f"Record {number} of the model is that of another.")
    return found


def version_name(ref: ModelRef) -> str:
    """What a store calls a version; raises ``InvalidInput`` where the version cannot be part of a name.

    >>> version_name(ModelRef("glioma", "1.1.0", "0123456789abcdef" * 4))
    '1.1.0-0123456789ab'
    """
    name = f"{ref.version}-{ref.sha256[:12]}"
    if not is_published(name):
        raise InvalidInput("The model's version must be up to 64 letters, digits, dots, plus signs, hyphens or _.")
    return name


def is_published(version: str) -> bool:
    """Whether that can be the name of a version in a store.

    >>> is_published("1.1.0-0123456789ab"), is_published("shipped"), is_published("../1.0-0123456789ab")
    (True, False, False)
    """
    return re.fullmatch(_PUBLISHED, version) is not None


def digest_in(version: str) -> str:
    """The digits of the sha256 in a version's name; empty for the shipped one.

    >>> digest_in("1.1.0-0123456789ab"), digest_in("shipped")
    ('0123456789ab', '')
    """
    return version[-12:] if is_published(version) else ""
