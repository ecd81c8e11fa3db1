"""YAML in which no key stands twice: of two, the first would be lost without a word. Keys are text as it is written, of
which YAML 1.1 takes `on` and `yes` for values."""

from __future__ import annotations

from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"


class _Once:
    """Of a loader: refuses a second key of one name in a mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: dict[Any, Any] = {}
        for key, _ in node.value:
            if key.tag != MERGE and isinstance(key, yaml.ScalarNode):
                if (other := seen.get(key.value)) is not None:
                    lines = f"{other.start_mark.line + 1} and {key.start_mark.line + 1}"
                    raise yaml.YAMLError(f"the key {key.value} stands twice, in lines {lines}; make it one")
                seen[key.value] = key
        return super().construct_mapping(node, deep)  # type: ignore[misc]


class _Typed(_Once, yaml.SafeLoader):
    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


class _Strings(_Once, yaml.BaseLoader):
    pass


def parse_yaml(text: str, strings: bool = False) -> Any:
    """Plain values, or with `strings` every one as it is written. Raises yaml.YAMLError."""
    return yaml.load(text, _Strings if strings else _Typed)  # noqa: S506 - both make plain values only
