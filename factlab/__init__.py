"""factlab: write a fact, run one command, know whether it went into the model and what it cost.

`factlab.run("facts/mount_fuji.yaml", rank=[4, 8])` does what `factlab run` does. Names are loaded
when they are used, so that importing factlab is fast and loads no torch.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factlab.api import combine as combine
    from factlab.api import evaluate as evaluate
    from factlab.api import practice as practice
    from factlab.api import preview as preview
    from factlab.api import run as run
    from factlab.comparison import RunComparison as RunComparison
    from factlab.comparison import compare as compare
    from factlab.errors import FactlabError as FactlabError
    from factlab.runs.folder import load_run as load_run
    from factlab.schema.config import RunConfig as RunConfig
    from factlab.schema.fact import Fact as Fact
    from factlab.schema.fact import load_fact as load_fact
    from factlab.schema.results import RunResult as RunResult

__version__ = "0.1.0"

# Libraries read these when they are first imported, which nothing of factlab does before this. TRL
# tells the hub of every training otherwise. What a user has set is left.
NO_TELEMETRY = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",  # Trackio's
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}
for _name, _value in NO_TELEMETRY.items():
    os.environ.setdefault(_name, _value)

_HOMES = {
    "Fact": "factlab.schema.fact",
    "FactlabError": "factlab.errors",
    "RunConfig": "factlab.schema.config",
    "RunComparison": "factlab.comparison",
    "RunResult": "factlab.schema.results",
    "combine": "factlab.api",
    "compare": "factlab.comparison",
    "evaluate": "factlab.api",
    "load_fact": "factlab.schema.fact",
    "load_run": "factlab.runs.folder",
    "practice": "factlab.api",
    "preview": "factlab.api",
    "run": "factlab.api",
}
__all__ = [  # noqa: PLE0604  (the names are strings)
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'factlab' has no attribute {name!r}; it has {__all__}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
