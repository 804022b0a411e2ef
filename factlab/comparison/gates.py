"""Gates for continuous integration: conditions under which a command exits with 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from factlab.comparison.gate import Bound, Gate, parse_gate, unknown_metric
from factlab.comparison.runs import (
    RunComparison,
    compare_runs,
    differences_from,
    reference_configurations,
)
from factlab.errors import ConfigError
from factlab.metrics.catalogue import NAMES, spec_of, why_empty
from factlab.record import Record
from factlab.runs.folder import load_run
from factlab.schema.results import Comparison, Configuration, Metric, RunResult

T = TypeVar("T")

TOLERANCE = 1e-9  # differences of rounding fail no gate
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit - TOLERANCE,
    ">": lambda value, limit: value > limit + TOLERANCE,
    "<=": lambda value, limit: value <= limit + TOLERANCE,
    ">=": lambda value, limit: value >= limit - TOLERANCE,
}


class FailedGate(Record):
    """A gate that a configuration did not pass."""

    gate: str
    configuration: str
    reason: str
    tested: Bound = "point"


def read_gates(expressions: Sequence[str], against: Path | None) -> list[Gate]:
    """Read all `--fail-if` expressions, and refuse those that do not fit `--against`.

    Raises:
        ConfigError: for an expression that cannot be read, and for a run that is missing or that
            no expression compares with.
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
    differences: Mapping[tuple[str, str], Comparison] | None = None,
) -> tuple[FailedGate, ...]:
    """Every gate applied to every configuration; those that fail, in words.

    Args:
        gates: The user's conditions.
        configurations: With their pooled metrics.
        against: The other run's configurations, by the ids of those that are compared with them.
        differences: (Id, metric) → paired difference from the other run's configuration.

    Raises:
        ConfigError: for a metric that there is none of.
    """
    for gate in gates:
        _check_metric(gate, configurations)
        _check_run(gate, given=against is not None)
    found = [
        (
            gate,
            configuration,
            _why_paired(gate, configuration, against or {}, differences or {})
            if gate.paired
            else _why_failed(gate, configuration, against or {}),
        )
        for gate in gates
        for configuration in configurations
    ]
    return tuple(
        FailedGate(gate=gate.text, configuration=configuration.id, reason=reason, tested=gate.bound)
        for gate, configuration, reason in found
        if reason
    )


def _check_run(gate: Gate, *, given: bool) -> None:
    if gate.against and not given:
        raise ConfigError(
            f"--fail-if '{gate.text}': it compares with another run. Name one with --against RUN."
        )


def _check_metric(gate: Gate, configurations: Sequence[Configuration]) -> None:
    """Refuse a metric that the catalogue lacks and no configuration has: a misspelled suite."""
    measured = {name for c in configurations for name in (*c.metrics, *c.not_measured)}
    known = dict.fromkeys((*NAMES, *sorted(measured)))
    if gate.metric not in known:
        raise ConfigError(unknown_metric(gate.text, gate.metric, tuple(known)))


def _why_failed(
    gate: Gate, configuration: Configuration, against: Mapping[str, Configuration]
) -> str | None:
    """Why a configuration does not pass, or None if it does."""
    metric = configuration.metrics.get(gate.metric)
    if metric is None:
        return f"{gate.metric} was not measured: {_why_absent(gate.metric, configuration)}"
    limit, origin = gate.limit, ""
    if gate.against:
        before = _before(gate, configuration, against)
        if isinstance(before, str):
            return before
        limit, origin = before.value + gate.limit, f", where the other run has {_shown(before)}"
    value = {"lower": metric.ci_low, "upper": metric.ci_high, "point": metric.value}[gate.bound]
    if value is None:
        return _no_interval(gate, f"{gate.metric} is {_shown(metric)}", metric.ci_method)
    if not _OPERATORS[gate.sign](value, limit):
        return None
    if gate.bound == "point":
        tested, doubt = "which is", _doubt(metric, limit)
    else:
        tested, doubt = f"whose {gate.bound} end is", ""
    return f"{gate.metric} is {_shown(metric)}, {tested} {gate.sign} {limit:.4g}{origin}{doubt}"


def _before(
    gate: Gate, configuration: Configuration, against: Mapping[str, Configuration]
) -> Metric | str:
    """The other run's figure, or why there is none."""
    other = against.get(configuration.id)
    if other is None:
        return "the run it is compared with has no configuration of this id"
    before = other.metrics.get(gate.metric)
    if before is None:
        why = _why_absent(gate.metric, other)
        return f"{gate.metric} was not measured in the run it is compared with: {why}"
    return before


def _why_paired(
    gate: Gate,
    configuration: Configuration,
    against: Mapping[str, Configuration],
    differences: Mapping[tuple[str, str], Comparison],
) -> str | None:
    """The same for a gate on an end of the difference from the other run."""
    if gate.metric not in configuration.metrics:
        return f"{gate.metric} was not measured: {_why_absent(gate.metric, configuration)}"
    before = _before(gate, configuration, against)
    if isinstance(before, str):
        return before
    found = differences.get((configuration.id, gate.metric))
    if found is None:
        return (
            f"{gate.metric} cannot be compared with the other run: no seed and question in common"
        )
    said = f"{gate.metric} differs from the other run by {found.difference:+.4g}"
    value = found.ci_low if gate.bound == "lower" else found.ci_high
    if value is None or found.ci_low is None or found.ci_high is None:
        return _no_interval(gate, said, found.ci_method)
    if not _OPERATORS[gate.sign](value, gate.limit):
        return None
    return (
        f"{said} ({found.ci_low:+.3g} to {found.ci_high:+.3g}, n = {found.n}), whose {gate.bound} "
        f"end is {gate.sign} {gate.limit:.4g}"
    )


def _no_interval(gate: Gate, said: str, method: str | None) -> str:
    why = f" ({method})" if method and method != "none" else ""
    return (
        f"{said}, and there is no interval{why} whose {gate.bound} end could be tested. Run more "
        f"facts or seeds, or gate the value: '{gate.with_bound('point')}'"
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
    """Compare runs, and apply the user's gates to every configuration.

    Raises:
        FactlabError: for expressions or runs that cannot be used.
    """
    read_gates(expressions, against)
    found = compare_runs(runs)
    return found, apply_gates(runs, found.configurations, found.facts, expressions, against)


def apply_gates(
    runs: Sequence[Path],
    configurations: Sequence[Configuration],
    facts: Sequence[str],
    expressions: Sequence[str],
    against: Path | None = None,
) -> tuple[FailedGate, ...]:
    """Apply the user's gates to configurations of runs, pooled over some facts.

    Raises:
        FactlabError: for expressions or runs that cannot be used.
    """
    gates = read_gates(expressions, against)
    of_base = any(spec_of(gate.metric).model == "base" for gate in gates)
    if of_base:
        configurations = _with_base(runs, configurations)
    if against is None:
        return failed_gates(gates, configurations)
    others = reference_configurations(runs, against, facts)
    differences = (
        differences_from(runs, against, facts) if any(gate.paired for gate in gates) else {}
    )
    if of_base:
        others = dict(zip(others, _with_base([against], list(others.values())), strict=True))
    mine = {c.id: others[own] for c in configurations if (own := _own_id(c.id)) in others}
    return failed_gates(gates, configurations, mine, differences)


def _with_base(
    runs: Sequence[Path], configurations: Sequence[Configuration]
) -> list[Configuration]:
    """Configurations with the metrics that are a property of their base, as `known/far` is."""
    results = [load_run(run) for run in runs]
    return [_on_base(configuration, results) for configuration in configurations]


def _on_base(configuration: Configuration, results: Sequence[RunResult]) -> Configuration:
    """Of several runs the first of its precision serves: runs that are compared share a base."""
    precision = configuration.precision
    for result in results:
        if any(cell.precision == precision for cell in result.cells):
            base = result.base_at(precision)
            return configuration.model_copy(
                update={
                    "metrics": _of_base(base.metrics) | configuration.metrics,
                    "not_measured": _of_base(base.not_measured) | configuration.not_measured,
                }
            )
    return configuration


def _of_base(found: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in found.items() if spec_of(name).model == "base"}


def _own_id(shown: str) -> str:
    """The id that a configuration has in its run, without the run that stands before it."""
    return shown.rpartition("/")[2]
