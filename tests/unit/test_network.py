"""Nothing is fetched that was not asked for, and nobody is told anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import sitecustomize as offline
from helpers import python

import factlab

AWAY = "203.0.113.7"  # an address of the block that is kept for examples
CONSTANTS = (
    "import factlab, huggingface_hub.constants as hub, datasets.config as data; "
    "print(hub.HF_HUB_DISABLE_TELEMETRY, data.HF_UPDATE_DOWNLOAD_COUNTS)"
)


def test_libraries_are_told_to_tell_nobody(tmp_path: Path) -> None:
    assert python(CONSTANTS, cwd=tmp_path).split() == ["True", "False"]


def test_what_a_user_has_set_is_left(tmp_path: Path) -> None:
    code = "import factlab, os; print(*(os.environ[name] for name in factlab.NO_TELEMETRY))"
    mine = dict.fromkeys(factlab.NO_TELEMETRY, "mine")
    assert set(python(code, cwd=tmp_path, env=mine).split()) == {"mine"}


def test_training_tells_nobody_whatever_was_imported_first() -> None:
    from trl import SFTTrainer

    from factlab.training.trainer import AnswerTrainer

    name = "_send_telemetry"
    assert hasattr(SFTTrainer, name)  # else it is called otherwise now
    assert getattr(AnswerTrainer, name) is not getattr(SFTTrainer, name)
    assert getattr(AnswerTrainer, name)(None) is None


@pytest.mark.parametrize("there", [(AWAY, 80), ("2001:db8::7", 443, 0, 0)])
def test_no_other_machine_can_be_reached_here(there: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in there[0] else socket.AF_INET
    with socket.socket(family) as one, pytest.raises(OSError, match="a test reached for"):
        one.connect(there)
    with pytest.raises(OSError, match="a test reached for"):
        socket.getaddrinfo("example.org", 80)
    assert len(offline.attempts) == 2
    offline.attempts.clear()


def test_this_machine_can() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()


def test_what_a_test_starts_is_held_to_it(tmp_path: Path) -> None:
    code = (
        "import socket\ntry:\n    socket.create_connection(('example.org', 80))\n"
        "except OSError as problem:\n    print(problem)"
    )
    assert python(code, cwd=tmp_path).startswith("a test reached for")
