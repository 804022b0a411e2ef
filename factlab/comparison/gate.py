"""One gate as a user writes it: `retention/far<0.9`, `retention/far@point<0.9`.

A gate passes what is shown, not what was measured by luck: `<` tests the lower end of the 95 %
interval and `>` the upper end. `@lower`, `@upper` and `@point` behind the metric name another.
Against another run the default is the measured value of both; there an end is that of the paired
difference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Literal, cast, get_args

from factlab.comparison.pairs import METRICS
from factlab.errors import ConfigError, quoted
from factlab.metrics.catalogue import NAMES, ROWS, spec_of
from factlab.schema.yaml import did_you_mean

MOST_CHARACTERS = 500  # of an expression
Bound = Literal["lower", "upper", "point"]

_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+"
_FORM = re.compile(
    rf"\s*(?P<metric>[^\s<>=@]+)(?:@(?P<bound>[^\s<>=@]*))?\s*(?P<sign><=|>=|<|>)\s*"
    rf"(?:(?P<number>[+-]?(?:{_NUMBER}))|(?P<against>against)\s*(?P<offset>[+-]\s*(?:{_NUMBER}))?)\s*"
)
_FORMS = (
    "METRIC<NUMBER, METRIC>NUMBER (or <=, >=), or METRIC<against-0.02 with --against RUN; @lower, "
    "@upper or @point may stand behind the metric"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition under which the command fails.

    Attributes:
        text: As the user wrote it.
        metric: The metric it is about.
        sign: '<', '>', '<=' or '>='.
        limit: The number, or what is added to the metric of the other run.
        against: Whether the limit is that of another run.
        bound: What it tests: an end of the 95 % interval, or the measured value.
        default: Whether that is what a gate tests where nothing is said.
    """

    text: str
    metric: str
    sign: str
    limit: float
    against: bool
    bound: Bound
    default: bool = False

    @property
    def paired(self) -> bool:
        """Whether it tests an end of the interval of a difference from another run."""
        return self.against and self.bound != "point"

    def with_bound(self, bound: Bound) -> str:
        """The same gate with its bound named."""
        _, _, rest = self.text.partition(self.sign)
        return f"{self.metric}@{bound}{self.sign}{rest}"

    @property
    def meaning(self) -> str:
        """What it tests, in a sentence without its full stop."""
        other = "@point tests the measured value"
        if self.bound == "point":
            why = " (the default with 'against')" if self.default else ""
            end = "lower" if "<" in self.sign else "upper"
            other = f"@{end} tests the {end} end of the 95 % interval"
            paired = " of the paired difference" if self.against else ""
            return f"tests the measured value{why}; {other}{paired}"
        end = f"the {self.bound} end of the 95 % interval"
        if self.paired:
            return f"tests {end} of the paired difference from the other run; {other}"
        why = f" (the default of '{self.sign}': only what is shown passes)" if self.default else ""
        return f"tests {end}{why}; {other}"


def parse_gate(text: str) -> Gate:
    """Read one `--fail-if` expression.

    Raises:
        ConfigError: for anything else than the known forms.
    """
    found = _FORM.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
    number = (found["number"] or (found["offset"] or "0").replace(" ", "")) if found else ""
    if found is None or not isfinite(float(number)):
        raise ConfigError(
            f"--fail-if {quoted(text)}: not an expression that is known. Write {_FORMS}, in "
            "quotes, such as --fail-if 'retention/far<0.9'."
        )
    metric, against = found["metric"], found["against"] is not None
    if not _known(metric):
        raise ConfigError(unknown_metric(text, metric, NAMES))
    given = found["bound"]
    gate = Gate(
        text,
        metric,
        found["sign"],
        float(number),
        against,
        _bound(text, given, found["sign"], against=against),
        default=given is None,
    )
    _check_interval(gate)
    return gate


def _known(metric: str) -> bool:
    """Whether there is such a metric, or may be one on a control suite of the user's own."""
    kind, _, split = metric.partition("/")
    suites = any(row.takes_suites and row.kind == kind for row in ROWS)
    return metric in NAMES or (suites and bool(split))


def _bound(text: str, given: str | None, sign: str, *, against: bool) -> Bound:
    if given is None:
        # Against another run an end of one run's interval says nothing of how the two differ.
        return "point" if against else "lower" if "<" in sign else "upper"
    if given not in get_args(Bound):
        raise ConfigError(
            f"--fail-if {quoted(text)}: unknown bound {quoted('@' + given)}."
            f"{did_you_mean(given, get_args(Bound))} Known: @lower and @upper, the ends of the "
            "95 % interval; @point, the measured value."
        )
    return cast("Bound", given)


def _check_interval(gate: Gate) -> None:
    """Refuse to test an end of an interval that a metric never has."""
    if gate.bound == "point":
        return
    instead = f"gate its value: --fail-if '{gate.with_bound('point')}'"
    if spec_of(gate.metric).interval == "none":
        raise ConfigError(
            f"--fail-if {quoted(gate.text)}: {gate.metric} has no interval, since it is made of "
            f"other metrics. Gate one of those, or {instead}."
        )
    if gate.paired and gate.metric not in METRICS:
        raise ConfigError(
            f"--fail-if {quoted(gate.text)}: against another run @{gate.bound} tests the paired "
            f"difference, which is measured for {', '.join(METRICS)}. Gate one of those, or "
            f"{instead}."
        )


def unknown_metric(text: str, metric: str, known: Sequence[str]) -> str:
    """What to say of a metric that there is none of: the nearest name, or those of its kind."""
    suites = [name for name in known if name not in NAMES]
    own = f" Of this run also: {', '.join(suites)}." if suites else ""
    kind, _, split = metric.partition("/")
    alike = [name for name in known if name.partition("/")[0] == kind]
    hint = did_you_mean(metric, known)
    if alike:  # the kind is right, so only what stands behind it is in question
        near = get_close_matches(split, [name.partition("/")[2] for name in alike], 1)
        hint = f" Of this kind there are {', '.join(alike)}."
        hint = f" Did you mean '{kind}/{near[0]}'?" if near else hint
    return (
        f"--fail-if {quoted(text)}: unknown metric {quoted(metric)}.{hint} "
        f"`factlab list metrics` shows all that can be gated.{own}"
    )
