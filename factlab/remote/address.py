"""`https://host/v1#model` → where requests go, which model they name, which key goes along."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from factlab.errors import ConfigError, quoted
from factlab.reading.bounds import MOST_NAME, MOST_TEXT

OWN_KEY, OPENAI_KEY = "FACTLAB_API_KEY", "OPENAI_API_KEY"
OPENAI = "openai.com"
_SCHEME = re.compile(r"https?:", re.IGNORECASE)
_SHAPE = "Write it as https://host/v1#model, such as http://localhost:8000/v1#my-adapter."
# What people copy from a manual along with the address.
_PATHS = ("/chat/completions", "/completions", "/models")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is asked.

    Attributes:
        url: What paths such as /chat/completions are added to.
        model: The name that the server has for it.
    """

    url: str
    model: str

    @property
    def host(self) -> str:
        """Name or number of the machine."""
        return urlsplit(self.url).hostname or ""

    @property
    def root(self) -> str:
        """The server's own place, where what is not OpenAI's interface is."""
        return self.url.removesuffix("/v1")

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_open(self) -> bool:
        """Whether what is sent can be read on its way."""
        return self.url.startswith("http://") and not self.is_here

    def __str__(self) -> str:
        return f"{self.url}#{self.model}"


def is_address(text: str) -> bool:
    """Whether a text is meant as an endpoint's address rather than a name or path."""
    return _SCHEME.match(text) is not None


def read_address(text: str) -> Address:
    """Read an address as a person gives it.

    Raises:
        ConfigError: for one that names no host or model, or holds a password.
    """
    if len(text) > MOST_TEXT or not text.isprintable() or any(char.isspace() for char in text):
        raise ConfigError(f"{quoted(text)}: not an address. {_SHAPE}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise ConfigError(f"{quoted(text)}: not an address ({problem}). {_SHAPE}") from None
    if parts.username is not None or parts.password is not None:
        # The message does not repeat the address, since there is a password in it.
        raise ConfigError(
            f"the address at {quoted(host or '')} holds a user name or password, which would be "
            f"recorded with the run. Put the key into {OWN_KEY}, and remove it from the address."
        )
    if parts.query:
        raise ConfigError(
            f"the address at {quoted(host or '')} has a part that begins with '?', which may hold "
            f"a key and would be recorded with the run. Remove it; a key goes into {OWN_KEY}."
        )
    if not host or not parts.netloc or parts.scheme.lower() not in ("http", "https"):
        raise ConfigError(f"{quoted(text)}: names no host. {_SHAPE}")
    model = unquote(parts.fragment)
    if not model or len(model) > MOST_NAME or not model.isprintable():
        raise ConfigError(
            f"{quoted(text)}: says no model. Add its name behind a '#'; the server lists its "
            f"models at {parts.scheme}://{parts.netloc}/v1/models. {_SHAPE}"
        )
    path = parts.path.rstrip("/")
    for known in _PATHS:
        path = path.removesuffix(known)
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    return Address(f"{parts.scheme.lower()}://{place}{path or '/v1'}", model)


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A key, and the variable it came from. Neither printed nor written by any means.

    Attributes:
        secret: None: no key is sent.
        variable: Where it came from; None: there is none.
        withheld: Why a key that is there is not sent, as a sentence.
    """

    secret: str | None = None
    variable: str | None = None
    withheld: str = ""

    def hidden(self, text: str) -> str:
        """A text without the key: a server may repeat what it was sent."""
        return text.replace(self.secret, f"({self.variable})") if self.secret else text


def key_for(address: Address, environment: Mapping[str, str] | None = None) -> Key:
    """The key that may go to an address.

    OpenAI's own key goes to OpenAI and to this machine, factlab's wherever the user points it; no
    key goes over a line that others can read.

    Raises:
        ConfigError: for a key that no header can hold.
    """
    given = os.environ if environment is None else environment
    of_openai = address.host == OPENAI or address.host.endswith(f".{OPENAI}")
    order = (OPENAI_KEY, OWN_KEY) if of_openai else (OWN_KEY, OPENAI_KEY)
    found = [(name, given[name].strip()) for name in order if given.get(name, "").strip()]
    if not found:
        return Key()
    variable, secret = found[0]
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigError(f"{variable} holds characters that no key has. Set it again.")
    if address.is_open:
        return Key(
            withheld=f"{variable} was not sent, since http:// can be read on its way to "
            f"{address.host}. Use https://, or a tunnel to this machine."
        )
    if variable == OPENAI_KEY and not of_openai and not address.is_here:
        return Key(
            withheld=f"{OPENAI_KEY} was not sent, since {address.host} is not OpenAI. If it is "
            f"meant for that server, set {OWN_KEY}."
        )
    return Key(secret, variable)
