"""`factlab push` against a hub on this machine: what is uploaded, and what is refused in words."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fake_run import GOOD, WEAK, write_fake_run

from factlab.errors import ConfigError, FactlabError, HubError, RunFolderError
from factlab.runs.folder import RunFolder, load_run
from factlab.workflows.share import push

WEIGHTS = b"\0" * 4000


@dataclass
class FakeHub:
    """What a hub was sent, and how it fails."""

    fails: dict[str, int] = field(default_factory=dict)  # a part of a path → its status
    says: str = ""
    private: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def reply(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.asked.append((method, path))
        for part, status in self.fails.items():
            if part in path:
                return status, {"error": self.says or f"refused with {status}"}
        if path == "/api/validate-yaml":  # the front matter of a card
            return 200, {"errors": [], "warnings": []}
        if path == "/api/repos/create":
            self.made.append(json.loads(body))
            return 200, {"url": f"{self.url}/me/fuji", "name": "me/fuji", "id": "me/fuji"}
        if path.startswith("/api/models/me/fuji/preupload/"):
            return 200, {"files": [self._mode(file) for file in json.loads(body)["files"]]}
        if path.endswith("/info/lfs/objects/batch"):
            return 200, {"objects": [self._stored_at(o) for o in json.loads(body)["objects"]]}
        if path.startswith("/lfs/"):
            self.stored[path.removeprefix("/lfs/")] = body
            return 200, {}
        if path.startswith("/api/models/me/fuji/commit/"):
            self._commit(body)
            address = f"{self.url}/me/fuji/commit/{'a' * 40}"
            return 200, {"success": True, "commitOid": "a" * 40, "commitUrl": address}
        if path.startswith("/api/models/me/fuji/branch/"):
            return 201, {}
        if path.startswith("/api/models/me/fuji"):
            return 200, {"id": "me/fuji", "private": self.private, "sha": "b" * 40}
        return 404, {"error": f"no {path} here"}

    def _mode(self, file: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if file["path"].endswith(".safetensors") else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _stored_at(self, wanted: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.url}/lfs/{wanted['oid']}"
        return {**wanted, "authenticated": True, "actions": {"upload": {"href": href}}}

    def _commit(self, body: bytes) -> None:
        for line in map(json.loads, filter(None, body.split(b"\n"))):
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import close_session, constants

    fake = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if not self.path.startswith("/lfs/"):
                fake.tokens.add(self.headers.get("authorization"))
            status, said = fake.reply(self.command, self.path, body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    for method in ("GET", "POST", "PUT"):
        setattr(Handler, f"do_{method}", Handler.answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", fake.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    close_session()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()
    close_session()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_run(tmp_path_factory.mktemp("runs") / "fuji", GOOD, WEAK)
    for cell in load_run(folder).cells:
        adapter = RunFolder(folder).cell(cell.id).adapter
        adapter.mkdir(exist_ok=True)
        (adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}')
        (adapter / "adapter_model.safetensors").write_bytes(WEIGHTS)
        (adapter / "notes.txt").write_text("my own")
    (folder / "report.html").write_text("<html>")
    return folder


def first_cell(run: Path) -> str:
    return load_run(run).cells[0].id


NAMED = {
    *("README.md", "adapter_config.json", "adapter_model.safetensors", "report.html"),
    "results.json",
}


def test_what_is_named_is_uploaded_and_nothing_else(made: Path, hub: FakeHub) -> None:
    files, address = push(made, "me/fuji", cell=first_cell(made))
    assert hub.files.keys() == {file.name for file in files} == NAMED
    assert hub.files["adapter_model.safetensors"] == WEIGHTS
    assert hub.files["results.json"] == (made / "results.json").read_bytes()
    assert hub.files["README.md"].startswith(b"---\nlibrary_name: peft\n")
    assert address == f"{hub.url}/me/fuji/commit/{'a' * 40}"
    assert hub.tokens == {"Bearer hf_secret"}


def test_a_dry_run_asks_the_hub_nothing(made: Path, hub: FakeHub) -> None:
    files, address = push(made, "me/fuji", cell=first_cell(made), data=True, dry_run=True)
    assert address is None
    assert hub.asked == []
    data = {file.name for file in files if file.name.startswith("data/")}
    assert data == {f"data/{path.name}" for path in (made / "data").iterdir()}
    assert {file.name for file in files} - data == NAMED


def test_a_branch_and_a_private_repository(made: Path, hub: FakeHub) -> None:
    hub.private = True
    push(made, "me/fuji", cell=first_cell(made), private=True, revision="try")
    assert "private" in hub.made[0].values()
    assert ("POST", "/api/models/me/fuji/branch/try") in hub.asked
    assert ("POST", "/api/models/me/fuji/commit/try") in hub.asked


def test_a_public_repository_is_not_taken_for_a_private_one(made: Path, hub: FakeHub) -> None:
    with pytest.raises(HubError, match="already and public"):
        push(made, "me/fuji", cell=first_cell(made), private=True)
    assert hub.files == {}


@pytest.mark.parametrize(
    ("where", "status", "says", "words"),
    [
        ("/api/", 401, "", "Set HF_TOKEN"),
        ("/api/", 403, "", "may not write there"),
        ("/preupload/", 404, "", "no such repository"),
        ("/commit/", 403, "Private repository storage limit reached", "has no room"),
        ("/commit/", 413, "", "has no room"),
        ("/commit/", 400, "bad", "answered 400"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(
    made: Path, hub: FakeHub, where: str, status: int, says: str, words: str
) -> None:
    hub.fails, hub.says = {where: status}, says
    with pytest.raises(HubError, match=words) as caught:
        push(made, "me/fuji", cell=first_cell(made))
    assert "hf_secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hub_that_is_not_there_is_named(
    made: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"127\.0\.0\.1:9: cannot be reached"):
        push(made, "me/fuji", cell=first_cell(made))


def test_no_link_and_no_changed_adapter_leaves(made: Path, hub: FakeHub, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(ConfigError, match="not a name of a repository"):
        push(made, "me/fu ji/x", cell=first_cell(made))
    copy = shutil.copytree(made, tmp_path / "run")
    cell = first_cell(copy)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    weights = RunFolder(copy).cell(cell).adapter / "adapter_model.safetensors"
    weights.unlink()
    weights.symlink_to(secret)
    with pytest.raises(FactlabError, match="link"):
        push(copy, "me/fuji", cell=cell)
    shutil.rmtree(weights.parent)
    with pytest.raises(RunFolderError, match="no adapter"):
        push(copy, "me/fuji", cell=cell)
    assert hub.files == {}
