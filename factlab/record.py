"""The base of everything that touches disk or a person: frozen, and strict about unknown keys."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(Record):
    """A record of what a person chooses: every number in it is finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class Shown(Record):
    """A record that a notebook shows as the report would, with its figures."""

    def _repr_html_(self) -> str:
        # By name, and when it is shown: the report stands above all records.
        room: Any = import_module("factlab.report.notebook")
        html: str = room.html_of(self)
        return html
