"""What kfp's own loader does not see in a compiled pipeline: `python -m pipelines.lint FILE…`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from pipelines.lint.compiled import Compiled, read, read_spec, step_names, step_titles
from pipelines.lint.rules import RULES, find_faults

__all__ = ["RULES", "Compiled", "check", "find_faults", "read", "read_spec", "step_names", "step_titles"]


def check(path: Path, local: bool = False, name: str = "") -> Any:
    """The PipelineSpec of a compiled file. Raises TextgateError that lists every fault of it, and names it `name`."""
    compiled = read(path)
    if faults := list(find_faults(compiled, local)):
        raise TextgateError(f"the compiled pipeline {name or path} cannot run:\n  " + "\n  ".join(faults))
    return compiled.spec
