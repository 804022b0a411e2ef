"""What an endpoint replied, on disk as it comes: nothing is asked twice and nothing lost."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factlab.record import Record
from factlab.runs.files import append_line, read_lines, write_lines


class KeptReply(Record):
    """One reply, under a hash of what was asked."""

    key: str
    text: str | None = None
    finish: str | None = None
    tokens: int | None = None
    nll: tuple[float, ...] | None = None


def key_of(url: str, body: Any) -> str:
    """A hash of a request: where it goes and all that it says."""
    return hashlib.sha256(json.dumps([url, body], sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class KeptReplies:
    """Replies by what was asked, in memory and in a log.

    Attributes:
        file: The log; None: memory alone.
        reused: How many were read instead of asked.
    """

    file: Path | None = None
    reused: int = 0
    _by_key: dict[str, KeptReply] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def opened(cls, file: Path | None, *, fresh: bool = False) -> KeptReplies:
        """With what a stopped run left; a line that it had only begun is removed.

        Args:
            file: The log; None: memory alone.
            fresh: Forget what is in it.

        Raises:
            RunFolderError: for a damaged log.
        """
        if file is None:
            return cls()
        if fresh:
            file.unlink(missing_ok=True)
        found = list(read_lines(file, KeptReply))
        if file.exists() and not file.read_bytes().endswith(b"\n"):
            write_lines(file, found)
        return cls(file, _by_key={reply.key: reply for reply in found})

    def get(self, key: str) -> KeptReply | None:
        """What was replied before."""
        return self._by_key.get(key)

    def add(self, reply: KeptReply) -> None:
        """Keep a reply; it is in the log when this returns."""
        with self._lock:
            if self.file is not None:
                append_line(self.file, reply)
            self._by_key[reply.key] = reply

    def done(self) -> None:
        """Remove the log, once answers stand elsewhere."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
