"""Settings from a config file, or a step's part of them from JSON; refused before anything runs where wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.settings.data import Task
from components.base.settings.faults import explain
from components.base.settings.gate import GateSettings, with_default_rules
from components.base.settings.section import Section
from components.base.settings.settings import Settings
from components.base.settings.validation import SuiteExpectation
from components.base.settings.yaml_file import parse_yaml

StepSettings = TypeVar("StepSettings", bound=Section)


def from_json(kind: type[StepSettings], text: str) -> StepSettings:
    """Raises TextgateError naming the key, the value and what is allowed."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise TextgateError(explain(error, f"the settings of {kind.__name__}", kind)) from None


def load(path: Path, overrides: list[str] | None = None) -> Settings:
    """Reads a config file; `overrides` are `section.key=value`, the value in YAML.

    Relative paths in the file are made absolute against its folder. Raises TextgateError naming the file, the key's
    path, the value and what is allowed.
    """
    raw = _read(path, "config file", "--config")
    return _anchored(_overridden(raw, overrides or [], str(path)), path.resolve().parent)


def load_again(path: Path, overrides: list[str]) -> Settings:
    """The settings of an earlier run, from the file that it kept them in, with other ones in their place, in which
    relative paths are against the current folder. Raises TextgateError as load does.
    """
    return settings_again(read_json(path), overrides, str(path))


def settings_again(raw: dict[str, Any], overrides: Sequence[str], where: str) -> Settings:
    """As load_again, of what such a file holds; `where` is how messages name it."""
    return _anchored(_overridden(raw, overrides, where), Path.cwd())


def load_rules(path: Path, task: Task) -> GateSettings:
    """The section gate of a config file, or a file that holds the keys of that section alone; the default rules of the
    task hold where it says nothing else.

    Raises TextgateError as load does.
    """
    raw = _read(path, "file of rules", "--rules")
    if {"name", "data", "gate"} & raw.keys():
        return load(path).gate
    try:
        rules = GateSettings.model_validate(with_default_rules(raw, task))
    except ValidationError as error:
        raise TextgateError(explain(error, str(path), GateSettings)) from None
    return _at(path.resolve().parent, rules, "bench")


def read_suite(settings: Settings) -> list[SuiteExpectation]:
    """The expectations of the file validation.suite; none where it names no file.

    Raises TextgateError naming the file and what is wrong in it.
    """
    if not settings.validation.suite:
        return []
    path = Path(settings.validation.suite)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        expectations = content["expectations"]
        known = [{key: item[key] for key in SuiteExpectation.model_fields if key in item} for item in expectations]
        return [SuiteExpectation.model_validate(item) for item in known]
    except OSError as error:
        raise TextgateError(f"the suite {path} (validation.suite) cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise TextgateError(explain(error, f"the suite {path} (validation.suite)", SuiteExpectation)) from None
    except (ValueError, KeyError, TypeError):
        raise TextgateError(
            f"the suite {path} (validation.suite) is not a Great Expectations suite in JSON: an object whose"
            ' "expectations" is a list of {"type", "kwargs", "meta"}'
        ) from None


def _read(path: Path, what: str, option: str) -> dict[str, Any]:
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TextgateError(f"the {what} {path} does not exist; name yours by {option}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TextgateError(f"the {what} {path} cannot be read: {error}") from None
    if not isinstance(raw, dict):
        raise TextgateError(f"the {what} {path} must hold keys and values at its top level")
    return raw


def _overridden(raw: dict[str, Any], overrides: Sequence[str], where: str) -> Settings:
    for override in overrides:
        _override(raw, override)
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise TextgateError(explain(error, where, Settings)) from None


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise TextgateError(f"--set takes section.key=value, got {override!r}")
    *parents, last = key.split(".")
    for parent in parents:
        if raw.get(parent) is None:
            raw[parent] = {}
        raw = raw[parent]
        if not isinstance(raw, dict):
            raise TextgateError(f"--set {override}: {parent} is a value, not a section")
    try:
        raw[last] = parse_yaml(value)
    except yaml.YAMLError as error:
        raise TextgateError(f"--set {override}: the value is not YAML: {error}") from None


def _anchor(folder: Path, reference: str) -> str:
    return reference if "://" in reference or not reference else str((folder / reference).resolve())


def _at(folder: Path, section: StepSettings, *keys: str) -> StepSettings:
    return section.model_copy(update={key: _anchor(folder, getattr(section, key)) for key in keys})


def _anchored(settings: Settings, folder: Path) -> Settings:
    at = partial(_at, folder)
    data = at(settings.data, "version").model_copy(
        update={"remotes": [_anchor(folder, remote) for remote in settings.data.remotes]}
    )
    return settings.model_copy(
        update={
            "data": data,
            "s3": at(settings.s3, "ca_bundle"),
            "validation": at(settings.validation, "suite"),
            "evaluation": at(settings.evaluation, "behaviour"),
            "base_model": at(settings.base_model, "reference"),
            "training": settings.training.model_copy(update={"checkpoint": at(settings.training.checkpoint, "place")}),
            "gate": at(settings.gate, "bench"),
            "promote": at(settings.promote, "log"),
            "cluster": settings.cluster.model_copy(update={"auth": at(settings.cluster.auth, "ca_bundle")}),
        }
    )
