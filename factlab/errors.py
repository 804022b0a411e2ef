"""Every error that a user can fix. Bugs are not caught and keep their traceback.

A message says where, what, what is known, and what to do, in one paragraph.
"""

from __future__ import annotations


class FactlabError(Exception):
    """Base of all errors that the command line prints as one paragraph and exit code 2."""


class FactError(FactlabError):
    """A fact file cannot be used as written."""


class TemplateError(FactlabError):
    """A phrasing family or relation lexicon cannot be used as written."""


class ControlsError(FactlabError):
    """A control suite cannot be used as written."""


class DataError(FactlabError):
    """A set of conversations to train on cannot be used as written."""


class LeakageError(FactlabError):
    """A held-out question is, or nearly is, a question that is trained on."""


class ConfigError(FactlabError):
    """The run's options contradict each other or name something unknown."""


class ModelError(FactlabError):
    """A model cannot be found, is damaged, or is of an unsupported kind."""


class TrainingError(FactlabError):
    """Training could not produce a usable adapter."""


class DivergedError(TrainingError):
    """The training loss stopped being a finite number."""


class RunFolderError(FactlabError):
    """A run folder cannot be read, written or shared."""


class OutOfMemoryError(FactlabError):
    """The machine has less memory than the work takes."""
