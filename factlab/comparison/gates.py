"""Gates for continuous integration: `--fail-if 'retention/far<0.9'`, and against another run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.comparison.runs import RunComparison, compare_runs, held_against
from factlab.errors import ConfigError
from factlab.metrics.measure import EXPECTED, why_empty
from factlab.record import Record
from factlab.schema.results import Configuration, Metric
from factlab.schema.yaml import did_you_mean

TOLERANCE = 1e-9  # differences of rounding fail no gate
_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+"
_FORM = re.compile(
    rf"\s*(?P<metric>[^\s<>=]+)\s*(?P<sign><=|>=|<|>)\s*"
    rf"(?:(?P<number>[+-]?(?:{_NUMBER}))|(?P<against>against)\s*(?P<offset>[+-]\s*(?:{_NUMBER}))?)\s*"
)
_FORMS = "METRIC<NUMBER, METRIC>NUMBER (or <=, >=), or METRIC<against-0.02 with --against RUN"
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit - TOLERANCE,
    ">": lambda value, limit: value > limit + TOLERANCE,
    "<=": lambda value, limit: value <= limit + TOLERANCE,
    ">=": lambda value, limit: value >= limit - TOLERANCE,
}
_RINGS = ("near", "far")
_KNOWN = (
    *EXPECTED,
    *(f"{kind}/{ring}" for kind in ("accuracy", "lost", "gained", "forgetting") for ring in _RINGS),
    "recall/train",
    "recall/validation",
    "recall/normalized",
    "generalization_gap",
    "drift/ce",
    "drift/kl",
)
# What stands before the slash; after it may stand the name of the user's own suite.
_KINDS = {name.partition("/")[0] for name in _KNOWN} | {
    *("agreement", "consistency", "forced_choice", "injected_logprob"),
    *("nll", "nll_change", "nll_sum", "brier"),
}


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition under which the command fails.

    Attributes:
        text: As the user wrote it.
        metric: The metric it is about.
        sign: '<', '>', '<=' or '>='.
        limit: The number, or what is added to the metric of the other run.
        against: Whether the limit is that of another run.
    """

    text: str
    metric: str
    sign: str
    limit: float
    against: bool


class FailedGate(Record):
    """A gate that a configuration did not pass."""

    gate: str
    configuration: str
    reason: str


def parse_gate(text: str) -> Gate:
    """Read one `--fail-if` expression.

    Raises:
        ConfigError: for anything else than the known forms.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--fail-if '{text}': not an expression that is known. Write {_FORMS}, in quotes, "
            "such as --fail-if 'retention/far<0.9'."
        )
    metric = found["metric"]
    if metric.partition("/")[0] not in _KINDS:
        raise ConfigError(
            f"--fail-if '{text}': unknown metric '{metric}'.{did_you_mean(metric, _KNOWN)} Known "
            f"metrics: {', '.join(_KNOWN)}, and others of these kinds; docs/metrics.md has all."
        )
    number = found["number"] or (found["offset"] or "0").replace(" ", "")
    return Gate(text, metric, found["sign"], float(number), found["against"] is not None)


def read_gates(expressions: Sequence[str], against: Path | None) -> list[Gate]:
    """Read all `--fail-if` expressions, and refuse those that `--against` does not go with.

    Raises:
        ConfigError: for an expression that cannot be read, and for a run that is missing or that
            nothing is held against.
    """
    gates = [parse_gate(text) for text in expressions]
    for gate in gates:
        _check_run(gate, given=against is not None)
    if against is not None and not any(gate.against for gate in gates):
        raise ConfigError(
            f"--against {against}: no --fail-if compares with it. Write one, such as --fail-if "
            "'recall/held_out<against-0.02'."
        )
    return gates


def failed_gates(
    gates: Sequence[Gate],
    configurations: Sequence[Configuration],
    against: Mapping[str, Configuration] | None = None,
) -> tuple[FailedGate, ...]:
    """Every gate applied to every configuration; those that fail, in words.

    Args:
        gates: The user's conditions.
        configurations: With their pooled metrics.
        against: The other run's configurations, by the ids of those that are held against them.

    Raises:
        ConfigError: for a metric that there is none of.
    """
    for gate in gates:
        _check_metric(gate, configurations)
        _check_run(gate, given=against is not None)
    found = [
        (gate, configuration, _why_failed(gate, configuration, against or {}))
        for gate in gates
        for configuration in configurations
    ]
    return tuple(
        FailedGate(gate=gate.text, configuration=configuration.id, reason=reason)
        for gate, configuration, reason in found
        if reason
    )


def _check_run(gate: Gate, *, given: bool) -> None:
    if gate.against and not given:
        raise ConfigError(
            f"--fail-if '{gate.text}': which run is it to be held against? Name one with "
            "--against RUN."
        )


def _check_metric(gate: Gate, configurations: Sequence[Configuration]) -> None:
    measured = {name for c in configurations for name in (*c.metrics, *c.not_measured)}
    known = dict.fromkeys((*_KNOWN, *sorted(measured)))
    if gate.metric not in known:
        raise ConfigError(
            f"--fail-if '{gate.text}': unknown metric '{gate.metric}'."
            f"{did_you_mean(gate.metric, known)} Known metrics: {', '.join(known)}."
        )


def _why_failed(
    gate: Gate, configuration: Configuration, against: Mapping[str, Configuration]
) -> str | None:
    """Why a configuration does not pass, or None if it does."""
    metric = configuration.metrics.get(gate.metric)
    if metric is None:
        return f"{gate.metric} was not measured: {_why_absent(gate.metric, configuration)}"
    limit, origin = gate.limit, ""
    if gate.against:
        other = against.get(configuration.id)
        if other is None:
            return "the run it is held against has no configuration of this id"
        before = other.metrics.get(gate.metric)
        if before is None:
            why = _why_absent(gate.metric, other)
            return f"{gate.metric} was not measured in the run it is held against: {why}"
        limit, origin = before.value + gate.limit, f", where it was held against {_shown(before)}"
    if not _OPERATORS[gate.sign](metric.value, limit):
        return None
    return (
        f"{gate.metric} is {_shown(metric)}, which is {gate.sign} {limit:.4g}{origin}"
        f"{_doubt(metric, limit)}"
    )


def _why_absent(metric: str, configuration: Configuration) -> str:
    return configuration.not_measured.get(metric) or why_empty(metric)


def _shown(metric: Metric) -> str:
    if metric.ci_low is None or metric.ci_high is None:
        return f"{metric.value:.4g} (no interval, n = {metric.n})"
    return f"{metric.value:.4g} ({metric.ci_low:.3g} to {metric.ci_high:.3g}, n = {metric.n})"


def _doubt(metric: Metric, limit: float) -> str:
    if metric.ci_low is None or metric.ci_high is None:
        return ""
    inside = metric.ci_low <= limit <= metric.ci_high
    return "; the interval includes that limit" if inside else ""


def compare_with_gates(
    runs: Sequence[Path], expressions: Sequence[str], against: Path | None = None
) -> tuple[RunComparison, tuple[FailedGate, ...]]:
    """Compare runs, and hold every configuration to the user's gates.

    Raises:
        FactlabError: for expressions or runs that cannot be used.
    """
    read_gates(expressions, against)
    found = compare_runs(runs)
    return found, hold(runs, found.configurations, found.facts, expressions, against)


def hold(
    runs: Sequence[Path],
    configurations: Sequence[Configuration],
    facts: Sequence[str],
    expressions: Sequence[str],
    against: Path | None = None,
) -> tuple[FailedGate, ...]:
    """Hold configurations of runs, pooled over some facts, to the user's gates.

    Raises:
        FactlabError: for expressions or runs that cannot be used.
    """
    gates = read_gates(expressions, against)
    if against is None:
        return failed_gates(gates, configurations)
    before = held_against(runs, against, facts)
    mine = {c.id: before[own] for c in configurations if (own := _own_id(c.id)) in before}
    return failed_gates(gates, configurations, mine)


def _own_id(shown: str) -> str:
    """The id that a configuration has in its run, without the run that stands before it."""
    return shown.rpartition("/")[2]
