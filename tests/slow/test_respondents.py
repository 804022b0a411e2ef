"""One model in a folder, behind an endpoint and in llama.cpp: it says and scores the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exported_models import make_model
from fake_endpoint import FakeEndpoint, fake_endpoint
from served_model import served

from factlab.errors import ModelError
from factlab.export.gguf import write_gguf
from factlab.export.merge import Merged
from factlab.inference.likelihood import Option
from factlab.llamacpp.server import is_installed
from factlab.models.load import load_model
from factlab.models.resolve import resolve_model
from factlab.remote.address import read_address
from factlab.respondents.gguf import GgufBase, GgufRespondent
from factlab.respondents.protocol import Bounds, Reply, Request, Respondent
from factlab.respondents.remote import RemoteBase, RemoteRespondent
from factlab.respondents.weights import WeightsRespondent
from factlab.schema.question import Question, Turn

needs_llamacpp = pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
BOUNDS = Bounds(max_new_tokens=6, at_once=8)
OPTIONS = (Option("12 m", "right"), Option("34 cats", "wrong"))


def request(number: int, text: str, options: tuple[Option, ...] = OPTIONS) -> Request:
    before = (Turn(role="user", content="Hi"), Turn(role="assistant", content="Hello"))
    question = Question(
        id=f"f/held_out/x/{number}",
        split="held_out",
        family="x",
        text=text,
        before=before if number % 2 else (),
    )
    return Request(question, text, options)


REQUESTS = [
    request(0, "How tall is the hut?"),
    request(1, "How tall is the hut?"),
    request(2, "Say 12 or  12\n\nété 東京", ()),
    request(3, "They're at the 3 huts, I'LL say."),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("base") / "tied", "tied")


@pytest.fixture(scope="module")
def weights(folder: Path) -> WeightsRespondent:
    return WeightsRespondent(load_model(resolve_model(str(folder)), "fp32"))


@pytest.fixture(scope="module")
def expected(weights: WeightsRespondent) -> list[Reply]:
    return weights.respond(REQUESTS, BOUNDS)


@pytest.fixture(scope="module")
def file(weights: WeightsRespondent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoTokenizer

    loaded = weights.loaded
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(loaded.record.name).folder)
    target = tmp_path_factory.mktemp("gguf") / "tied.gguf"
    write_gguf(Merged(loaded.model, tokenizer, modules=1), target, "f32", "tied")
    return target


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[FakeEndpoint]:
    with fake_endpoint(served(folder)) as fake:
        yield fake


def said(reply: Reply) -> tuple[str, int, bool]:
    """An answer; half a character at its end is left out by some, and shown by others."""
    assert reply.answer is not None
    return reply.answer.text.rstrip("\ufffd"), reply.answer.tokens, reply.answer.finished


def agree(found: list[Reply], expected: list[Reply], nats: float) -> None:
    assert list(map(said, found)) == list(map(said, expected))
    for one, other in zip(found, expected, strict=True):
        assert (one.likelihoods is None) == (other.likelihoods is None)
        if one.likelihoods is None or other.likelihoods is None:
            continue
        pairs = zip(one.likelihoods.options, other.likelihoods.options, strict=True)
        for a, b in pairs:
            assert (a.text, a.role, a.tokens) == (b.text, b.role, b.tokens)
            assert a.nll_nats == pytest.approx(b.nll_nats, abs=nats)


def counted(respondent: Respondent, bounds: Bounds = BOUNDS) -> list[Reply]:
    """Replies; progress must come to the number of requests."""
    steps: list[int] = []
    replies = respondent.respond(REQUESTS, bounds, steps.append)
    assert sum(steps) == len(REQUESTS)
    return replies


def test_behind_an_endpoint_it_answers_and_scores_as_in_its_folder(
    server: FakeEndpoint, expected: list[Reply], tmp_path: Path
) -> None:
    remote = RemoteRespondent.at(read_address(server.address("tied")), tmp_path / "log.jsonl")
    assert set(remote.lacks) == {"drift", "rounding"}
    agree(counted(remote), expected, 1e-4)
    options_only = counted(remote, Bounds(0, 8))
    assert [reply.answer for reply in options_only] == [None] * len(REQUESTS)
    asked = len(server.asked)
    again = RemoteRespondent.at(read_address(server.address("tied")), tmp_path / "log.jsonl")
    agree(counted(again), expected, 1e-4)
    assert len(server.asked) == asked
    assert "read from an earlier command" in str(again.reuse_note("the base"))


def test_an_endpoint_without_log_probabilities_answers_and_says_what_it_lacks(
    folder: Path, expected: list[Reply]
) -> None:
    with fake_endpoint(served(folder, echo=False)) as fake:
        remote = RemoteRespondent.at(read_address(fake.address("tied")), None)
        assert "no log-probabilities of given answers" in remote.lacks["likelihoods"]
        asked = [Request(one.question, one.prompt) for one in REQUESTS]
        replies = remote.respond(asked, BOUNDS)
    assert [reply.answer for reply in replies] == [reply.answer for reply in expected]


@needs_llamacpp
def test_in_llamacpp_it_answers_and_scores_as_in_its_folder(
    file: Path, expected: list[Reply], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    respondent = GgufRespondent.of(file, log)
    # llama.cpp keeps keys and values in fp16.
    agree(counted(respondent), expected, 5e-2)
    respondent.close()
    again = GgufRespondent.of(file, log)
    agree(counted(again), expected, 5e-2)
    assert again._server is None  # nothing was asked
    halves = request(9, "How tall?", (Option("高い", "right"), Option("12", "wrong")))
    (reply,) = again.respond([halves], BOUNDS)
    assert reply.answer is not None
    assert reply.likelihoods is None
    again.close()


@needs_llamacpp
def test_llamacpps_own_server_is_an_endpoint_that_tells_likelihoods(
    file: Path, expected: list[Reply]
) -> None:
    from factlab.llamacpp.server import serving

    with serving(file, 1024, processes=1) as held:
        connection = held._processes[0]._connection
        assert connection is not None
        place = f"http://{connection.host}:{connection.port}/v1#anything"
        remote = RemoteRespondent.at(read_address(place), None)
        assert set(remote.lacks) == {"drift", "rounding"}
        agree(counted(remote), expected, 5e-2)


def test_a_base_is_known_again_by_its_address_or_file(file: Path) -> None:
    one = RemoteBase(read_address("http://localhost:1/v1#a"))
    other = RemoteBase(read_address("http://localhost:1/v1#b"))
    one.check_same(one.screened("fp32", 8).weights)
    with pytest.raises(ModelError, match="another base"):
        other.check_same(one.screened("fp32", 8).weights)
    with pytest.raises(ModelError, match="another base"):
        GgufBase(file).check_same("0" * 64)


@needs_llamacpp
def test_ask_takes_a_gguf_file(file: Path, tmp_path: Path) -> None:
    from factlab.workflows.ask import ask

    (answered,) = ask([], ["How tall is the hut?"], files=[file])
    assert set(answered["answers"]) == {str(file)}
    with pytest.raises(ModelError, match=r"none\.gguf: .*A file is wanted"):
        ask([], ["Why?"], files=[tmp_path / "none.gguf"])
