"""Gates as test cases in JUnit's XML, which CI servers show beside tests."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from factlab.comparison.gate import parse_gate
from factlab.comparison.gates import FailedGate, apply_gates
from factlab.display.characters import visible
from factlab.errors import ConfigError
from factlab.schema.results import Configuration
from factlab.sharing.answers import SharedRun
from factlab.sharing.figures import figure


def gates_of(run: SharedRun, expressions: Sequence[str]) -> Sequence[str]:
    """The gates that are named, else those of the run's own command.

    Raises:
        ConfigError: if there are none.
    """
    found = list(expressions) or _own_gates(run.record.argv)
    if not found:
        raise ConfigError(
            "--to junit writes gates, and neither this command nor the run's has any. Name one or "
            "more, such as --fail-if 'retention/far<0.9'."
        )
    return list(dict.fromkeys(found))


def _own_gates(argv: Sequence[str]) -> list[str]:
    found = [argv[i + 1] for i, word in enumerate(argv[:-1]) if word == "--fail-if"]
    found += [word.partition("=")[2] for word in argv if word.startswith("--fail-if=")]
    return [text for text in found if not parse_gate(text).against]


def junit(run: SharedRun, expressions: Sequence[str], against: Path | None = None) -> bytes:
    """The XML: a test suite per run, a test case per configuration and gate.

    Raises:
        FactlabError: for gates that cannot be read or applied.
    """
    wanted = {cell.configuration for cell in run.cells}
    configurations = [one for one in run.result.configurations if one.id in wanted]
    facts = [fact.id for fact in run.result.facts]
    failed = apply_gates([run.folder.path], configurations, facts, expressions, against)
    why = {(gate.gate, gate.configuration): gate for gate in failed}
    counts = {"tests": str(len(expressions) * len(configurations)), "failures": str(len(failed))}
    counts |= {"errors": "0", "skipped": "0", "time": "0"}
    root = Element("testsuites", {"name": "factlab", **counts})
    suite = SubElement(
        root, "testsuite", {"name": visible(run.result.run_id), **counts} | _when(run)
    )
    properties = SubElement(suite, "properties")
    for name, value in _about(run).items():
        SubElement(properties, "property", {"name": name, "value": visible(value)})
    for configuration in configurations:
        for text in expressions:
            _case(suite, run, configuration, text, why.get((text, configuration.id)))
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _when(run: SharedRun) -> dict[str, str]:
    return {"timestamp": run.record.ended or run.record.started}


def _about(run: SharedRun) -> dict[str, str]:
    return {
        "model": run.result.model.name,
        "facts": ", ".join(fact.id for fact in run.result.facts),
        "command": shlex.join(run.record.argv),
        **{f"version.{name}": version for name, version in run.record.versions.items()},
    }


def _case(
    suite: Element,
    run: SharedRun,
    configuration: Configuration,
    text: str,
    failed: FailedGate | None,
) -> None:
    gate = parse_gate(text)
    classname = f"{run.result.run_id}.{configuration.id}"
    named = {"classname": visible(classname), "name": visible(text), "time": "0"}
    case = SubElement(suite, "testcase", named)
    metric = configuration.metrics.get(gate.metric)
    said = f"{gate.metric}: {figure(metric)}. The gate {gate.meaning}."
    if failed is None:
        SubElement(case, "system-out").text = visible(said)
        return
    failure = SubElement(case, "failure", {"message": visible(failed.reason), "type": "gate"})
    failure.text = visible(said)
