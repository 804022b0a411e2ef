"""The trackers that transformers can report training to, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from factlab.errors import ConfigError
from factlab.schema.yaml import did_you_mean

# Tracker → the module that it needs, and what to install. A test compares the names with those that
# the library knows.
TRACKERS: dict[str, tuple[str, str]] = {
    "tensorboard": ("tensorboard", "'factlab[tensorboard]'"),
    "wandb": ("wandb", "wandb"),
    "mlflow": ("mlflow", "mlflow"),
    "trackio": ("trackio", "trackio"),
    "comet_ml": ("comet_ml", "comet-ml"),
    "neptune": ("neptune", "neptune"),
    "clearml": ("clearml", "clearml"),
    "codecarbon": ("codecarbon", "codecarbon"),
    "dvclive": ("dvclive", "dvclive"),
    "swanlab": ("swanlab", "swanlab"),
    "azure_ml": ("azureml", "azureml-sdk"),
    "dagshub": ("dagshub", "dagshub mlflow"),
    "flyte": ("flytekit", "flytekit"),
    "kubeflow": ("kubeflow", "kubeflow"),
}


def check_tracker_names(names: Sequence[str]) -> None:
    """Refuse a tracker that is not known, or not installed; loads none of them.

    Raises:
        ConfigError: with what is known, or what to install.
    """
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(
                f"--report-to {name}: no such tracker.{did_you_mean(name, TRACKERS)} Known: none, "
                f"{', '.join(TRACKERS)}."
            )
        module, package = TRACKERS[name]
        if find_spec(module) is None:
            raise ConfigError(
                f"--report-to {name}: it is not installed. Run `pip install {package}`, or remove "
                f"--report-to. Known trackers: {', '.join(TRACKERS)}."
            )
