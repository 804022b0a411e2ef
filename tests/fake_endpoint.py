"""An OpenAI-compatible server on this machine that fails as it is told to.

It is a real server on a real port, so that what is tested is what a user has: time-outs, torn
replies and refused connections included.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Scripted:
    """A reply as it is sent, whatever it is."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # before it begins
    drip: float = 0.0  # between its bytes
    hang_up: bool = False


Answer = Callable[[str, Body], Any]  # path and body → a reply's object, a `Scripted`, or None: 404


def chat(text: Any, finish: str | None = "stop", tokens: int = 3) -> Body:
    """A reply of /chat/completions."""
    return {
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens},
    }


def repeats(path: str, body: Body) -> Any:
    """A model that says the last turn again."""
    if path.endswith("/chat/completions"):
        return chat(f"You said: {body['messages'][-1]['content']}")
    return None


@dataclass
class FakeEndpoint:
    """The server.

    Attributes:
        answer: What it replies where nothing is scripted.
        script: What it replies first, one request after the other.
        asked: Each request's path and body.
        headers: Each request's headers, in lower case.
        most_at_once: Requests that were under way at one time.
    """

    answer: Answer = repeats
    script: list[Any] = field(default_factory=list)
    asked: list[tuple[str, Body]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, model: str = "tuned") -> str:
        return f"{self.url}#{model}"

    def chats(self) -> list[Body]:
        return [body for path, body in self.asked if path.endswith("/chat/completions")]

    def reply(self, path: str, body: Body, headers: dict[str, str]) -> Scripted:
        with self._lock:
            self.asked.append((path, body))
            self.headers.append(headers)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            scripted = self.script.pop(0) if self.script else None
        found = self.answer(path, body) if scripted is None else scripted
        if found is None:
            return Scripted(404, {"error": {"message": f"no {path} here"}})
        return found if isinstance(found, Scripted) else Scripted(body=found)

    def gone(self) -> None:
        with self._lock:
            self._now -= 1


@contextmanager
def fake_endpoint(answer: Answer = repeats, *script: Any, port: int = 0) -> Iterator[FakeEndpoint]:
    """Serve until the block ends."""
    fake = FakeEndpoint(answer, list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            self.send({})

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            self.send(json.loads(self.rfile.read(length) or b"{}"))

        def send(self, body: Body) -> None:
            try:
                self.scripted(
                    fake.reply(self.path, body, {k.lower(): v for k, v in self.headers.items()})
                )
            except OSError:  # whoever asked has gone
                self.close_connection = True
            finally:
                fake.gone()

        def scripted(self, reply: Scripted) -> None:
            time.sleep(reply.seconds)
            if reply.hang_up:
                self.close_connection = True
                return
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if not reply.drip:
                self.wfile.write(data)
                return
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(reply.drip)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
