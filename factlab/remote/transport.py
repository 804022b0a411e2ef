"""One request to an endpoint: what is read is bounded, what passes is tried again, errors in words.

Redirects are not followed, so that neither key nor questions go to a place that nobody named.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from factlab.errors import ModelError, shortened
from factlab.reading.files import MOST_LINE
from factlab.reading.json_text import NotJsonError, parse
from factlab.remote.address import OWN_KEY, Address, Key

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = MOST_LINE  # of a reply
MOST_SAID = 200  # characters of a server's message
CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 600.0  # a large model on a slow machine, with others in the queue before it
TRIES = 6
MALFORMED_TRIES = 3
REFUSED_TRIES = 4  # of a connection: a server that is started again needs a moment
FIRST_WAIT_SECONDS, MOST_WAIT_SECONDS = 1.0, 60.0
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
# Of the key, the load or what stands between; a server that lacks a path may say 500, too.
UNHEARD = frozenset({401, 403, 407, 408, 425, 429, 502, 503, 504, 529})
RESUME = "What was answered is kept: go on with --resume."
OK, BAD_REQUEST, MULTIPLE_CHOICES = 200, 400, 300
Found = TypeVar("Found")


class EndpointError(ModelError):
    """An endpoint that gives no answer, in a sentence that says what to do.

    Attributes:
        status: What it replied with; None: no reply, or none that could be read.
        said: Its own words.
        unheard: Whether there was no reply, or one that says nothing of what was asked.
    """

    def __init__(
        self, message: str, status: int | None = None, said: str = "", *, unheard: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.said = said
        self.unheard = unheard or status in UNHEARD


class _Passing(Exception):  # noqa: N818  (never leaves this module)
    """Something that may be otherwise at the next try."""

    def __init__(self, error: EndpointError, tries: int = TRIES, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.tries = tries
        self.wait = wait


@dataclass(slots=True)
class Transport:
    """Sends JSON to one address, from several threads.

    Attributes:
        address: Where.
        key: What goes along.
        answer_seconds: Longest wait for a whole reply.
        first_wait_seconds: Before the second try; each later wait is twice as long.
        requests: How many were sent, those that failed included.
    """

    address: Address
    key: Key
    answer_seconds: float = ANSWER_SECONDS
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    requests: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _client: httpx2.Client | None = None

    def post(self, url: str, body: Mapping[str, Any], read: Callable[[Any], Found]) -> Found:
        """Send a body until there is a reply that can be read, or no hope of one.

        Args:
            url: The whole of it.
            body: What JSON can hold.
            read: Object of the reply → what is wanted of it. Its ValueError says, without a full
                stop, what is wrong with the object.

        Raises:
            EndpointError: naming the address, what it replied, and what to do.
        """
        return self._patiently(lambda: self._once("POST", url, body, read))

    def once(
        self, method: str, url: str, body: Mapping[str, Any] | None, read: Callable[[Any], Found]
    ) -> Found:
        """As `post`, tried a single time: for what is only good to know."""
        try:
            return self._once(method, url, body, read)
        except _Passing as problem:
            raise problem.error from None

    def stop(self) -> None:
        """End waits at once; requests under way are left to their end."""
        self._stopped.set()

    def close(self) -> None:
        """Give connections back."""
        self.stop()
        if self._client is not None:
            self._client.close()

    def _patiently(self, send: Callable[[], Found]) -> Found:
        wait, tries = self.first_wait_seconds, 0
        while True:
            try:
                return send()
            except _Passing as problem:
                tries += 1
                if tries >= problem.tries:
                    raise problem.error from None
                # Between half and all of it: clients that failed together do not come together.
                pause = problem.wait or wait * random.uniform(0.5, 1)
                if self._stopped.wait(pause):
                    raise problem.error from None
                wait = min(2 * wait, MOST_WAIT_SECONDS)

    def _once(
        self, method: str, url: str, body: Mapping[str, Any] | None, read: Callable[[Any], Found]
    ) -> Found:
        import httpx2

        if self._stopped.is_set():
            raise EndpointError(f"{self.address}: stopped before it was asked.")
        with self._lock:
            self.requests += 1
        try:
            with self._connected().stream(method, url, json=body) as reply:
                text = self._text(reply)
                status, headers = reply.status_code, reply.headers
        except httpx2.TimeoutException:
            raise _Passing(self._too_slow(), tries=MALFORMED_TRIES) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            raise _Passing(self._no_reply(problem), tries=REFUSED_TRIES) from None
        if status != OK:
            raise self._refusal(status, headers, text)
        try:
            found = parse(text)
            if not isinstance(found, dict):
                raise ValueError("it is no object")
            return read(found)
        except NotJsonError as problem:
            raise self._malformed(f"it is not JSON ({problem.said})", text, url) from None
        except ValueError as problem:
            raise self._malformed(str(problem), text, url) from None

    def _connected(self) -> httpx2.Client:
        import httpx2

        with self._lock:
            if self._client is None:
                headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
                if self.key.secret is not None:
                    headers["Authorization"] = f"Bearer {self.key.secret}"
                self._client = httpx2.Client(
                    headers=headers,
                    follow_redirects=False,
                    timeout=httpx2.Timeout(self.answer_seconds, connect=CONNECT_SECONDS),
                    limits=httpx2.Limits(max_connections=None),
                    verify=self.address.url.startswith("https:"),  # certificates take time to load
                    trust_env=not self.address.is_here,  # a proxy has no way to this machine
                )
            return self._client

    def _text(self, reply: httpx2.Response) -> str:
        """The text of a reply, or as much as shows that it is too long or too slow."""
        until = time.monotonic() + self.answer_seconds
        data, expanded = bytearray(), self._expanding(reply)
        for chunk in reply.iter_raw():
            data += expanded(chunk)
            if len(data) > MOST_BYTES:
                raise EndpointError(
                    f"{self.address}: its reply is longer than {MOST_BYTES:,} bytes, which no "
                    f"answer of this length takes. Is this the address of a model? {RESUME}"
                )
            if time.monotonic() > until:
                raise _Passing(self._too_slow(), tries=MALFORMED_TRIES)
        return self.key.hidden(data.decode("utf-8", errors="replace"))

    def _expanding(self, reply: httpx2.Response) -> Callable[[bytes], bytes]:
        """What undoes a compression, which was not asked for, no further than a reply is read."""
        how = reply.headers.get("content-encoding", "identity").strip().lower()
        if how in ("", "identity"):
            return lambda chunk: chunk
        if how not in ("gzip", "deflate"):
            raise EndpointError(
                f"{self.address}: its reply is compressed by {shortened(how)!r}, which is not read "
                "here and was not asked for."
            )
        undone = zlib.decompressobj(zlib.MAX_WBITS | 32)  # with either heading

        def expanded(chunk: bytes) -> bytes:
            try:
                return undone.decompress(chunk, MOST_BYTES + 1)
            except zlib.error as problem:
                raise self._malformed(f"it is damaged ({problem})", "", reply.url) from None

        return expanded

    def _malformed(self, why: str, text: str, url: object) -> _Passing:
        """A reply that is none, as an error that is tried again."""
        begins = f"; it begins with {shortened(' '.join(text.split()))!r}" if text.strip() else ""
        return _Passing(
            EndpointError(
                f"{self.address}: the reply is not one of an OpenAI-compatible endpoint: "
                f"{why}{begins}. Check the address ({url}). {RESUME}"
            ),
            tries=MALFORMED_TRIES,
        )

    def _too_slow(self) -> EndpointError:
        return EndpointError(
            f"{self.address}: no whole reply within {self.answer_seconds:g} s, tried "
            f"{MALFORMED_TRIES} times. Ask fewer at a time (--concurrency). {RESUME}",
            unheard=True,
        )

    def _no_reply(self, problem: Exception) -> EndpointError:
        said = self.key.hidden(str(problem)) or type(problem).__name__
        return EndpointError(
            f"{self.address}: the server cannot be reached, or broke off "
            f"({shortened(said, MOST_SAID)}). Check that it runs. {RESUME}",
            unheard=True,
        )

    def _refusal(self, status: int, headers: Mapping[str, str], text: str) -> Exception:
        said = _words(text)
        if MULTIPLE_CHOICES <= status < BAD_REQUEST:
            to = shortened(self.key.hidden(headers.get("location", "nowhere")), MOST_SAID)
            return EndpointError(
                f"{self.address}: it sends us on to {to}, where nothing was sent. If that is the "
                "right address, name it.",
                status,
            )
        error = EndpointError(self._in_words(status, said), status, said)
        if status not in PASSING:
            return error
        wait = retry_after(headers)
        if wait is not None and wait > MOST_WAIT_SECONDS:
            return EndpointError(
                f"{self.address}: HTTP {status}: it asks to wait for {wait:,.0f} s{_said(said)}. "
                f"{RESUME}",
                status,
                said,
            )
        return _Passing(error, wait=wait)

    def _in_words(self, status: int, said: str) -> str:
        words = f"{self.address}: HTTP {status}{_said(said)}."
        match status:
            case 401 | 403:
                sent = self.key.withheld or (
                    f"The key in {self.key.variable} is not accepted there."
                    if self.key.variable
                    else f"No key was sent; set {OWN_KEY}."
                )
                return f"{words} {sent} {RESUME}"
            case 404:
                return (
                    f"{words} Either the server has no model of that name, or its interface is at "
                    "another path."
                )
            case 429:
                return (
                    f"{words} It takes no more for now, after {TRIES} tries: ask fewer at a time "
                    f"(--concurrency), or later. {RESUME}"
                )
            case _ if status in PASSING:
                return f"{words} The server fails, after {TRIES} tries. {RESUME}"
            case _:
                return f"{words} The server refuses the request."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait for, as a number or a date; None: it does not say."""
    given = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(given)) if given else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _said(said: str) -> str:
    return f": {said.rstrip('.')}" if said else ""


def _words(text: str) -> str:
    """What a server says is wrong, from whatever shape it says it in."""
    try:
        found: Any = parse(text)
    except NotJsonError:
        found = text
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    words = found if isinstance(found, str) else str(found)
    return shortened(" ".join(words.split()), MOST_SAID)
