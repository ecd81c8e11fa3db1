"""`python -m pipelines.lint [FILE…]`: lints compiled files; with none named, every form that configs/ has."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from components.base.errors import TextgateError
from pipelines.lint import RULES, find_faults, read
from pipelines.lint.forms import compile_all


def main(names: list[str]) -> int:
    """How many files have faults, each printed on standard error."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(name) for name in names] or list(compile_all(Path(folder)))
        faulty = [path for path in paths if _has_faults(path)]
    print(f"{len(paths)} compiled pipelines held against {len(RULES)} rules, {len(faulty)} with faults")
    return len(faulty)


def _has_faults(path: Path) -> bool:
    try:
        faults = [f"{path}: {fault}" for fault in find_faults(read(path))]
    except TextgateError as error:
        faults = [str(error)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    try:
        sys.exit(min(main(sys.argv[1:]), 1))
    except TextgateError as error:
        sys.exit(f"{error}")
