"""The base of everything that touches disk or a person: frozen, and strict about unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(Record):
    """A record of what a person chooses: every number in it is finite."""

    model_config = ConfigDict(allow_inf_nan=False)
