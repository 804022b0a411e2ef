"""`factlab evaluate` where torch computes nothing: endpoints, and GGUF files in llama.cpp."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from exported_models import make_model
from fake_endpoint import Body, FakeEndpoint, Scripted, fake_endpoint, repeats
from served_model import served

import factlab
from factlab.errors import ConfigError, FactlabError
from factlab.experiment.plan import plan_experiment
from factlab.experiment.spending import check_spending
from factlab.llamacpp.server import is_installed
from factlab.remote.transport import EndpointError
from factlab.runs.folder import RunFolder
from factlab.workflows.ask import ask
from factlab.workflows.evaluate import evaluation
from factlab.workflows.rescore import rescore

SMALL: dict[str, Any] = {
    "far": "none",
    "questions_per_fact": 2,
    "train_pairs": 20,
    "validation_pairs": 8,
    "max_new_tokens": 6,
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factlab.remote.transport.FIRST_WAIT_SECONDS", 0.001)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("base") / "tied", "tied")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[FakeEndpoint]:
    with fake_endpoint(served(folder)) as fake:
        yield fake


def test_a_model_behind_an_endpoint_measures_as_in_its_folder(
    server: FakeEndpoint, folder: Path, tmp_path: Path
) -> None:
    base, tuned = server.address("base"), server.address("tuned")
    there = factlab.evaluate("mount_fuji", tuned, base, out=tmp_path / "there", **SMALL)
    here = factlab.evaluate(
        "mount_fuji", str(folder), str(folder), out=tmp_path / "here", precision="fp32", **SMALL
    )
    (cell,), (own,) = there.cells, here.cells
    shared = [name for name in own.metrics if not name.startswith(("drift", "noise", "rounding"))]
    assert len(shared) > 10
    for name in shared:
        assert cell.metrics[name].value == pytest.approx(own.metrics[name].value, abs=1e-3), name
    assert not any(name.startswith("drift") for name in cell.metrics)
    assert "behind an endpoint" in cell.not_measured["drift/kl"]
    record = RunFolder(tmp_path / "there").record()
    assert record.model is not None
    assert (record.model.name, record.model.source) == (base, "endpoint")
    assert (tmp_path / "there" / "report.html").is_file()
    assert not (tmp_path / "there" / "cells" / cell.id / "measuring").exists()
    rescore(tmp_path / "there")
    (answered,) = ask(tmp_path / "there", ["How tall is the hut?"])
    assert set(answered["answers"]) == {cell.id}
    assert answered["base"] == answered["answers"][cell.id]


def test_a_server_that_dies_in_the_middle_is_asked_nothing_twice(tmp_path: Path) -> None:
    left = [10**9]

    def dies(path: str, body: Body) -> Any:
        left[0] -= 1
        return repeats(path, body) if left[0] >= 0 else Scripted(hang_up=True)

    out = tmp_path / "run"
    with fake_endpoint(dies) as fake:
        for patience in (60, 90, 10**9):  # it dies while the base is asked, then the tuned model
            left[0] = patience
            with suppress(EndpointError):
                factlab.evaluate(
                    "mount_fuji",
                    fake.address("tuned"),
                    fake.address("base"),
                    out=out,
                    resume=out.exists(),
                    **SMALL,
                )
        answered = [
            (body["model"], str(body["messages"]), body["max_tokens"]) for body in fake.chats()
        ]
    assert RunFolder(out).record().status == "complete"
    repeated = len(answered) - len(set(answered))
    # What was sent when the server was dead was never answered, and is all that is sent again.
    assert repeated <= 2 * 8 * 4


def test_requests_are_counted_before_they_are_sent(tmp_path: Path) -> None:
    with fake_endpoint() as fake:
        addresses = {"base": fake.address("base"), "tuned": fake.address("tuned")}
        settings = {**SMALL, "model": addresses["base"]}
        config = evaluation(["mount_fuji"], [addresses["tuned"]], settings)
        sentences = check_spending(plan_experiment(config))
        assert fake.asked == []
        factlab.evaluate(
            "mount_fuji", addresses["tuned"], addresses["base"], out=tmp_path / "run", **SMALL
        )
        sent = {name: sum(b["model"] == name for b in fake.chats()) for name in addresses}
        asked = len(fake.asked)
        for sentence, name in zip(sentences, addresses, strict=True):
            assert f"{addresses[name]}: at most {sent[name]:,} requests" in sentence
        with pytest.raises(ConfigError, match="--max-requests allows 5"):
            factlab.evaluate(
                "mount_fuji",
                addresses["tuned"],
                addresses["base"],
                out=tmp_path / "other",
                asking={"max_requests": 5},
                **SMALL,
            )
        assert len(fake.asked) == asked
        assert not (tmp_path / "other").exists()


def test_what_does_not_go_together_is_refused(tmp_path: Path, folder: Path) -> None:
    with fake_endpoint() as fake:
        for tuned, base, settings, said in (
            (str(folder), fake.address(), {}, "a base whose weights are on this machine"),
            (fake.address(), fake.address("b"), {"precision": "bf16"}, "has its own"),
            (f"{fake.url}#", fake.address(), {}, "says no model"),
            ("none.gguf", fake.address(), {}, r"none\.gguf: there is no such file"),
        ):
            with pytest.raises(FactlabError, match=said):
                factlab.evaluate(
                    "mount_fuji", tuned, base, out=tmp_path / "x", **{**SMALL, **settings}
                )
        assert fake.asked == []


@pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
def test_gguf_files_are_measured_in_llamacpp(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from factlab.export.gguf import write_gguf
    from factlab.export.merge import Merged
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model

    loaded = load_model(resolve_model(str(folder)), "fp32")
    model = Merged(loaded.model, AutoTokenizer.from_pretrained(folder), modules=1)
    files = [tmp_path / "base.gguf", tmp_path / "tuned.gguf"]
    for file, kind in zip(files, ("f32", "q8_0"), strict=True):
        write_gguf(model, file, kind, "tied")
    result = factlab.evaluate(
        "mount_fuji", str(files[1]), str(files[0]), out=tmp_path / "run", **SMALL
    )
    (cell,) = result.cells
    assert "recall/held_out" in cell.metrics
    assert "recall/forced_choice" in cell.metrics
    assert "llama.cpp" in cell.not_measured["drift/kl"]
    record = RunFolder(tmp_path / "run").record()
    assert record.model is not None
    assert "f32" in record.model.precision_note
