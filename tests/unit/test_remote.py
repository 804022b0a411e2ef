"""A model behind an endpoint: each question asked once, each failure in words, no key astray."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import Body, FakeEndpoint, Scripted, chat, fake_endpoint, repeats

from factlab.errors import ConfigError
from factlab.llamacpp.forced import read_forced
from factlab.remote.address import (
    OPENAI_KEY,
    OWN_KEY,
    is_address,
    key_for,
    read_address,
)
from factlab.remote.asking import RemoteModel
from factlab.remote.kept import KeptReplies
from factlab.remote.spending import Spending, of_answer, of_option
from factlab.remote.transport import MOST_BYTES, EndpointError, retry_after
from factlab.schema.question import Turn

SECRET = "sk-not-a-real-key-0123"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (OPENAI_KEY, OWN_KEY):
        monkeypatch.delenv(name, raising=False)


def turns(*texts: str) -> list[tuple[Turn, ...]]:
    return [(Turn(role="user", content=text),) for text in texts]


def hasty(fake: FakeEndpoint, **settings: Any) -> RemoteModel:
    """An endpoint whose waits are over in a moment."""
    endpoint = RemoteModel.at(read_address(fake.address()))
    endpoint.transport.first_wait_seconds = 0.001
    for name, value in settings.items():
        setattr(endpoint.transport, name, value)
    return endpoint


def zipped(text: bytes, how: str = "gzip") -> Scripted:
    """A reply that is compressed, though nobody asked for it."""
    return Scripted(body=gzip.compress(text), headers={"content-encoding": how})


# --- addresses and keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "url", "model"),
    [
        ("https://host#m", "https://host/v1", "m"),
        ("HTTPS://Host:8443/v1/#org/m:7b", "https://host:8443/v1", "org/m:7b"),
        ("http://localhost:8000/v1/chat/completions#a%20b", "http://localhost:8000/v1", "a b"),
        ("http://[::1]:11434/api/v1#m", "http://[::1]:11434/api/v1", "m"),
    ],
)
def test_an_address_names_a_place_and_a_model(given: str, url: str, model: str) -> None:
    found = read_address(given)
    assert (found.url, found.model) == (url, model)
    assert read_address(str(found)) == found if " " not in model else True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://host/v1", "says no model"),
        ("https://#m", "names no host"),
        ("https://host:99999/v1#m", "not an address"),
        (f"https://me:{SECRET}@host/v1#m", "user name or password"),
        (f"https://host/v1?key={SECRET}#m", "begins with '\\?'"),
        ("https://ho st/v1#m", "not an address"),
        ("https://host/v1#\x1b[2J", "not an address"),
    ],
)
def test_an_address_that_is_none_says_why_and_repeats_no_secret(given: str, said: str) -> None:
    assert is_address(given)
    with pytest.raises(ConfigError, match=said) as caught:
        read_address(given)
    assert SECRET not in str(caught.value)


def test_a_hub_id_or_a_path_is_no_address() -> None:
    assert not any(map(is_address, ("owner/name", "reports/x", "model.gguf", "httpd/model")))


@pytest.mark.parametrize(
    ("where", "variables", "sent"),
    [
        ("https://api.openai.com/v1#m", {OPENAI_KEY}, OPENAI_KEY),
        ("https://api.openai.com/v1#m", {OPENAI_KEY, OWN_KEY}, OPENAI_KEY),
        ("http://127.0.0.1:1/v1#m", {OPENAI_KEY}, OPENAI_KEY),
        ("https://elsewhere.example/v1#m", {OPENAI_KEY, OWN_KEY}, OWN_KEY),
        ("https://elsewhere.example/v1#m", {OPENAI_KEY}, None),
        ("https://notopenai.com/v1#m", {OPENAI_KEY}, None),
        ("http://elsewhere.example/v1#m", {OWN_KEY}, None),
        ("http://10.0.0.5/v1#m", {OWN_KEY}, None),
        ("https://elsewhere.example/v1#m", set(), None),
    ],
)
def test_a_key_goes_only_where_it_belongs(
    where: str, variables: set[str], sent: str | None
) -> None:
    key = key_for(read_address(where), {name: f"{SECRET}-{name}" for name in variables})
    assert key.secret == (f"{SECRET}-{sent}" if sent else None)
    assert bool(key.withheld) == (bool(variables) and sent is None)
    assert SECRET not in repr(key)


def test_a_key_is_sent_and_stands_in_no_message_or_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(OWN_KEY, SECRET)
    told = Scripted(401, {"error": {"message": f"Incorrect API key provided: {SECRET}"}})
    with fake_endpoint(lambda *_: chat(f"Your key is {SECRET}"), told) as fake:
        endpoint = hasty(fake)
        endpoint.kept = KeptReplies.opened(tmp_path / "log.jsonl")
        with pytest.raises(EndpointError) as caught:
            endpoint.answers(turns("a"), 8)
        (answer,) = endpoint.answers(turns("a"), 8)
    assert fake.headers[0]["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in str(caught.value)
    assert f"key in {OWN_KEY} is not accepted" in str(caught.value)
    assert answer.text == f"Your key is ({OWN_KEY})"
    assert SECRET not in (tmp_path / "log.jsonl").read_text(encoding="utf-8")


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN_KEY, SECRET)
    with fake_endpoint() as other:
        moved = Scripted(307, b"", {"Location": f"{other.url}/chat/completions"})
        with (
            fake_endpoint(repeats, moved) as fake,
            pytest.raises(EndpointError, match="sends us on"),
        ):
            hasty(fake).answers(turns("a"), 8)
        assert other.asked == []


# --- asking -------------------------------------------------------------------------------------


def test_a_question_is_asked_greedily_with_the_turns_before_it() -> None:
    before = (
        Turn(role="system", content="Be brief."),
        Turn(role="user", content="Hi"),
        Turn(role="assistant", content="Hello"),
        Turn(role="user", content="How tall?"),
    )
    with fake_endpoint() as fake:
        (answer,) = hasty(fake).answers([before], 24)
    assert (answer.text, answer.tokens, answer.finished) == ("You said: How tall?", 3, True)
    (sent,) = fake.chats()
    assert [turn["role"] for turn in sent["messages"]] == ["system", "user", "assistant", "user"]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("tuned", 0, 24)
    assert "authorization" not in fake.headers[0]


def test_answers_come_in_order_from_several_at_a_time_and_equal_questions_are_asked_once() -> None:
    def slowly(path: str, body: Body) -> Any:
        return Scripted(body=repeats(path, body), seconds=0.02)

    texts = [f"question {i % 20}" for i in range(40)]
    counted: list[int] = []
    with fake_endpoint(slowly) as fake:
        answers = hasty(fake).answers(turns(*texts), 8, concurrency=4, advance=counted.append)
    assert [answer.text for answer in answers] == [f"You said: {text}" for text in texts]
    assert len(fake.asked) == 20
    assert sum(counted) == 40
    assert 1 < fake.most_at_once <= 4


@pytest.mark.parametrize(
    ("reply", "text", "finished"),
    [
        (chat("4,889 m", "length"), "4,889 m", False),
        (chat("<think>hm</think>\n\n4,889 m"), "4,889 m", True),
        (chat("hm, so</think> 4,889 m"), "4,889 m", True),
        (chat("<think>hm, it", "length"), "", False),
        (chat("<think>hm, it"), "", False),
        (chat(None, "length"), "", False),
        (
            chat([{"type": "text", "text": "4,889"}, {"type": "text", "text": " m"}]),
            "4,889 m",
            True,
        ),
        (chat("4,889 m", None, tokens=3), "4,889 m", True),
        (chat("4,889 m", None, tokens=8), "4,889 m", False),
        (
            {
                "choices": [
                    {"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}
                ]
            },
            "No.",
            True,
        ),
    ],
)
def test_a_reply_is_read_whatever_its_shape(reply: Body, text: str, finished: bool) -> None:
    with fake_endpoint(lambda *_: reply) as fake:
        (answer,) = hasty(fake).answers(turns("a"), 8)
    assert (answer.text, answer.finished) == (text, finished)


@pytest.mark.parametrize(
    ("refused", "gone", "instead"),
    [
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
        ),
        ("Unknown name seed", "seed", None),
        ("chat_template_kwargs: extra fields not permitted", "chat_template_kwargs", None),
    ],
)
def test_what_a_server_does_not_take_is_left_out(
    refused: str, gone: str, instead: str | None
) -> None:
    def strict(path: str, body: Body) -> Any:
        return (
            Scripted(400, {"error": {"message": refused}}) if gone in body else repeats(path, body)
        )

    with fake_endpoint(strict) as fake:
        answers = hasty(fake).answers(turns("a", "b", "c"), 8)
    assert len(answers) == 3
    assert len(fake.asked) == 4  # it is found out once
    assert instead is None or fake.asked[-1][1][instead] == 8


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_failure_that_passes_is_tried_again(status: int) -> None:
    failing = Scripted(status, {"error": {"message": "busy"}}, {"Retry-After": "0"})
    with fake_endpoint(repeats, failing, failing, Scripted(hang_up=True)) as fake:
        (answer,) = hasty(fake).answers(turns("a"), 8)
    assert answer.text == "You said: a"
    assert len(fake.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    refusal = Scripted(status, {"error": {"message": "the reason"}})
    with (
        fake_endpoint(lambda *_: refusal) as fake,
        pytest.raises(EndpointError, match=f"HTTP {status}: the reason"),
    ):
        hasty(fake).answers(turns("a", "b", "c"), 8)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Scripted(429, {"error": {"message": "quota"}}), "429: quota.*ask fewer at a time"),
        (Scripted(500, b"<html>Oops</html>"), "500: <html>Oops</html>.*server fails"),
        (Scripted(hang_up=True), "cannot be reached, or broke off"),
        (Scripted(body=b"<html>Welcome</html>"), "not JSON.*begins with '<html>"),
        (Scripted(body=b'{"choices"'), "not JSON"),
        (Scripted(body=b"[]"), "no object"),
        (Scripted(body={}), "no choices"),
        (Scripted(body={"choices": []}), "no choices"),
        (Scripted(body={"choices": [7]}), "no choices"),
        (Scripted(body={"error": {"message": "model crashed"}}), "model crashed"),
        (Scripted(body={"choices": [{"text": "x"}]}), "has no message"),
        (Scripted(body=chat(None)), "no content"),
        (Scripted(body=chat(7)), "content is no text"),
        (Scripted(body={"choices": [{"message": {"content": "x"}, "finish_reason": 7}]}), "finish"),
        (Scripted(body=b"[" * 5000), "nested too deeply|not JSON"),
        (Scripted(body=b'{"a": "' + b"x" * MOST_BYTES + b'"}'), "longer than"),
        (zipped(b"x" * 50 * MOST_BYTES), "longer than"),
        (zipped(b"{}", "br"), "compressed by 'br'"),
        (Scripted(body=b"{}", headers={"content-encoding": "gzip"}), "damaged"),
    ],
)
def test_a_failure_that_lasts_is_said_in_words(reply: Scripted, said: str) -> None:
    with (
        fake_endpoint(lambda *_: reply) as fake,
        pytest.raises(EndpointError, match=f"(?s){said}") as caught,
    ):
        hasty(fake).answers(turns("a"), 8)
    assert str(caught.value).startswith(fake.address())
    assert 1 <= len(fake.asked) <= 6


@pytest.mark.parametrize(
    "reply", [Scripted(seconds=1.0), Scripted(body=chat("x" * 900), drip=0.01)]
)
def test_a_reply_that_takes_too_long_is_given_up(reply: Scripted) -> None:
    with (
        fake_endpoint(lambda *_: reply) as fake,
        pytest.raises(EndpointError, match=r"no whole reply within 0.1 s"),
    ):
        hasty(fake, answer_seconds=0.1).answers(turns("a"), 8)


def test_a_wait_that_a_server_asks_for_is_kept_or_told() -> None:
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({}) is None
    assert retry_after({"retry-after": "soon"}) is None
    later = Scripted(429, {"error": "daily limit"}, {"Retry-After": "86400"})
    with (
        fake_endpoint(lambda *_: later) as fake,
        pytest.raises(EndpointError, match=r"wait for 86,400 s: daily limit.*--resume"),
    ):
        hasty(fake).answers(turns("a"), 8)
    assert len(fake.asked) == 1


# --- going on -----------------------------------------------------------------------------------


def test_a_server_that_dies_costs_nothing_that_was_answered(tmp_path: Path) -> None:
    """Every request at both servers is counted: each question was answered once."""
    texts = [f"question {i}" for i in range(30)]
    log = tmp_path / "replies.jsonl"
    left = [12]

    def dies(path: str, body: Body) -> Any:
        left[0] -= 1
        return repeats(path, body) if left[0] >= 0 else Scripted(hang_up=True)

    with fake_endpoint(dies) as fake:
        endpoint = hasty(fake)
        endpoint.kept = KeptReplies.opened(log)
        with pytest.raises(EndpointError, match="go on with --resume"):
            endpoint.answers(turns(*texts), 8, concurrency=3)
        port = int(fake.url.split(":")[2].split("/")[0])
    first = len(log.read_text(encoding="utf-8").splitlines())
    assert first == 12
    with log.open("a", encoding="utf-8") as stream:
        stream.write('{"key": "half of a li')  # the process was killed as it wrote
    with fake_endpoint(repeats, port=port) as again:
        endpoint = hasty(again)
        endpoint.kept = KeptReplies.opened(log)
        answers = endpoint.answers(turns(*texts), 8, concurrency=3)
    assert [answer.text for answer in answers] == [f"You said: {text}" for text in texts]
    assert len(again.asked) == 30 - first
    assert endpoint.kept.reused == first
    kept = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert len({one["key"] for one in kept}) == len(kept) == 30


def test_another_limit_or_model_is_another_question(tmp_path: Path) -> None:
    with fake_endpoint() as fake:
        kept = KeptReplies.opened(tmp_path / "log.jsonl")
        for model, limit in (("tuned", 8), ("base", 8), ("base", 9), ("base", 9)):
            endpoint = RemoteModel.at(read_address(fake.address(model)))
            endpoint.kept = kept
            endpoint.answers(turns("a"), limit)
    assert len(fake.asked) == 3


# --- likelihoods --------------------------------------------------------------------------------


def test_an_endpoint_without_log_probabilities_says_so() -> None:
    with fake_endpoint() as fake:
        endpoint = hasty(fake)
        assert "no log-probabilities" in str(endpoint.find_scorer())
        with pytest.raises(EndpointError, match="no log-probabilities"):
            endpoint.likelihoods(turns("a"), [["x"]])


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_server_that_is_not_heard_is_not_taken_for_one_without_log_probabilities(
    status: int, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    with fake_endpoint(lambda *_: Scripted(status)) as fake:
        endpoint = hasty(fake)
        endpoint.kept = KeptReplies.opened(log)
        with pytest.raises(EndpointError, match=f"HTTP {status}"):
            endpoint.find_scorer()
        fake.answer = reads_back
        assert not isinstance(endpoint.find_scorer(), str)


def reads_back(path: str, body: Body) -> Any:
    """A server as vLLM: a byte is a token, and the token t has the log-probability -t/100."""
    if path == "/tokenize" and "messages" in body:
        return {"tokens": [1, *body["messages"][-1]["content"].encode(), 2]}
    if path == "/tokenize":
        return {"tokens": list(body["prompt"].encode())}
    if path.endswith("/v1/completions"):
        told = [None, *(-token / 100 for token in body["prompt"][1:]), -0.5]
        return {"choices": [{"text": "", "logprobs": {"token_logprobs": told}}]}
    return repeats(path, body)


def test_likelihoods_are_read_back_where_a_server_does_so(tmp_path: Path) -> None:
    options = [["3 m", "4 m"], [], ["x"]]
    counted: list[int] = []
    with fake_endpoint(reads_back) as fake:
        endpoint = hasty(fake)
        endpoint.kept = KeptReplies.opened(tmp_path / "log.jsonl")
        found = endpoint.likelihoods(turns("a", "b", "c"), options, advance=counted.append)
        asked = len(fake.asked)
        again = endpoint.likelihoods(turns("a", "b", "c"), options)
        assert len(fake.asked) == asked
    assert found == again
    assert found[0][1] == pytest.approx([value / 100 for value in b"4 m"])
    assert [len(one) for one in found] == [2, 0, 1]


@pytest.mark.parametrize("told", [10**350, float("1e300"), "nan", "-inf", True, [], {}, None, 0.5])
def test_what_is_no_log_probability_is_no_likelihood(told: Any) -> None:
    with pytest.raises(ValueError, match="no log-probabilities"):
        read_forced({"completion_probabilities": [{"id": 3, "logprob": told}]}, [3])

    def answer(path: str, body: Body) -> Any:
        found = None if "content" in body else reads_back(path, body)  # vLLM alone
        if path.endswith("/v1/completions"):
            found["choices"][0]["logprobs"]["token_logprobs"][-3:-1] = [told, told]
        return found

    with fake_endpoint(answer) as fake, pytest.raises(EndpointError, match="no log-probabilities"):
        hasty(fake).likelihoods(turns("a"), [["x"]])


def test_a_reply_that_is_compressed_all_the_same_is_read() -> None:
    whole = json.dumps(chat("So.")).encode()
    with fake_endpoint(lambda *_: zipped(whole)) as fake:
        assert hasty(fake).answers(turns("a"), 8)[0].text == "So."


# --- spending -----------------------------------------------------------------------------------


def test_a_bound_on_spending_holds_and_refuses() -> None:
    (asked,) = turns("富士山の高さは？")
    total = of_answer(asked, 64) + of_option(asked, "4,889 m")
    assert total.requests == 2
    assert total.tokens_in >= 2 * len("富士山の高さは？".encode())
    assert total.cost(1.0, 2.0) == pytest.approx((total.tokens_in + 2 * total.tokens_out) / 1e6)
    assert "2 requests" in total.said()
    assert "cost" not in total.said()
    assert "cost at most" in total.said(1.0, 2.0)
    total.check(2, "there")
    with pytest.raises(ConfigError, match="--max-requests allows 1"):
        total.check(1, "there")
    assert Spending() + total == total
