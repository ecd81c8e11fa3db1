"""The Dockerfile as a list of instructions, and what each image has of this repository."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def instructions(stage: str = "") -> list[str]:
    """One a line; with `stage` those of that stage alone."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line]
    if not stage:
        return lines
    (start,) = [number for number, line in enumerate(lines) if re.fullmatch(rf"FROM \S+ AS {stage}", line)]
    end = next((number for number, line in enumerate(lines) if number > start and line.startswith("FROM ")), None)
    return lines[start:end]


def sources(stage: str = "") -> list[str]:
    """What is copied from the checkout."""
    copies = [line.split()[1:] for line in instructions(stage) if line.startswith("COPY ") and "--from" not in line]
    return [source for *given, _ in copies for source in given]


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules by their whole names, and package.name of `from package import name`; not what is for types alone."""
    for node in _run(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All below it but `if TYPE_CHECKING:`."""
    yield node
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from _run(child)
