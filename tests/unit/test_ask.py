"""`factlab ask` at an endpoint: the same command, and no run is needed."""

from __future__ import annotations

import json
from pathlib import Path

from fake_endpoint import Scripted, fake_endpoint
from helpers import run_factlab

from factlab.remote.address import read_address
from factlab.workflows.ask import ask


def test_an_endpoint_answers_on_the_command_line(tmp_path: Path) -> None:
    with fake_endpoint() as fake:
        words = ["ask", fake.address("fuji"), "How tall?"]
        shown, told = run_factlab([[*words, "Why?"], [*words, "--json"]], cwd=tmp_path)
    assert shown.code == told.code == 0
    assert "fuji  You said: How tall?" in shown.out
    assert json.loads(told.out) == [
        {"question": "How tall?", "answers": {"fuji": "You said: How tall?"}}
    ]


def test_models_of_one_name_are_told_apart_by_their_addresses() -> None:
    with fake_endpoint() as one, fake_endpoint() as other:
        addresses = [read_address(fake.address("fuji")) for fake in (one, other)]
        (answered,) = ask([], ["Why?"], addresses=addresses)
    assert set(answered["answers"]) == {one.address("fuji"), other.address("fuji")}


def test_what_a_server_sends_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    evil = {"choices": [{"message": {"content": "a\x1b[2Jb\u202ec"}, "finish_reason": "stop"}]}
    refusal = Scripted(400, {"error": {"message": "\x1b]0;owned\x07 no"}})
    with fake_endpoint(lambda *_: evil) as fake:
        (shown,) = run_factlab([["ask", fake.address(), "Why?"]], cwd=tmp_path)
    assert r"a\x1b[2Jb\u202ec" in shown.out
    with fake_endpoint(lambda *_: refusal) as fake:
        (refused,) = run_factlab([["ask", fake.address(), "Why?"]], cwd=tmp_path)
    assert refused.code == 2
    assert "\x1b" not in refused.err
    assert "HTTP 400" in refused.err
