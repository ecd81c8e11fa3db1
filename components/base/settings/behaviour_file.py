"""The file of behaviour tests that a config names, checked against the config's data and gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from components.base.errors import TextgateError
from components.base.settings.behaviour import KINDS, BehaviourTest, TestName
from components.base.settings.data import DataSchema
from components.base.settings.faults import fault_lines, listed
from components.base.settings.gate import GateRule
from components.base.settings.settings import Settings
from components.base.settings.yaml_file import parse_yaml

# A runner hands a step its parameters in one argument of a process; this much JSON leaves room for the others.
LARGEST = 65_536


def read_behaviour(settings: Settings) -> dict[str, BehaviourTest]:
    """The behaviour tests of the file evaluation.behaviour, by name; none where it names no file.

    Every scalar is read as it is written: the label off is "off". Raises TextgateError naming the file, the test and
    key, and what is wrong, in itself or with the data's labels; and a rule of the gate for a test that there is not.
    """
    file = settings.evaluation.behaviour
    tests = _read(Path(file), settings.data) if file else {}
    _check_rules(settings.gate.rules, tests)
    return tests


def _read(path: Path, data: DataSchema) -> dict[str, BehaviourTest]:
    where = f"the file of behaviour tests {path} (evaluation.behaviour)"
    tests: dict[str, BehaviourTest] = {}
    lines: list[str] = []
    for name, content in _read_mapping(path, where).items():
        test, faults = _test(name, content, data)
        lines += faults
        if test is not None:
            tests[name] = test
    if lines:
        raise TextgateError(listed(where, lines))
    size = len(json.dumps({name: test.model_dump() for name, test in tests.items()}))
    if size > LARGEST:
        raise TextgateError(
            f"{where} holds {size:,} bytes of tests, and a step takes at most {LARGEST:,}; placeholders and fill make"
            " long lists of cases shorter"
        )
    return tests


def _read_mapping(path: Path, where: str) -> dict[str, Any]:
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"), strings=True)
    except OSError as error:
        raise TextgateError(f"{where} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise TextgateError(f"{where} cannot be read: {error}") from None
    if not isinstance(content, dict) or not content:
        raise TextgateError(f"{where} must hold tests by name at its top level")
    return content


def _test(name: str, content: Any, data: DataSchema) -> tuple[BehaviourTest | None, list[str]]:
    """The test, or what is wrong with it."""
    kind = KINDS.get(str(content.get("kind"))) if isinstance(content, dict) else None
    if kind is None:
        return None, [f"{name}: must be keys and values, with a kind: one of {', '.join(KINDS)}"]
    try:
        TypeAdapter(TestName).validate_python(name)
        test = kind.model_validate(content)
    except ValidationError as error:
        return None, fault_lines(error, kind, name)
    return test, [f"{name}.{key}: {what}" for key, what in test.faults(data)]


def _check_rules(rules: dict[str, GateRule], tests: dict[str, BehaviourTest]) -> None:
    for rule, asked in rules.items():
        name = asked.metric.removeprefix("behaviour/")
        if name not in (asked.metric, "*", *tests):
            raise TextgateError(
                f"gate.rules.{rule} asks for the behaviour test {name}, which is not among those of"
                f" evaluation.behaviour ({', '.join(tests) or 'there are none'})"
            )
