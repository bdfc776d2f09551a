"""What every body has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """No unknown fields, no silent conversion of types, no NaN."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
