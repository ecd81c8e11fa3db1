"""What the compiled pipelines were when somebody last looked at them."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.pipelines.golden_files import FILES, FOLDER


@pytest.mark.parametrize("name", FILES)
def test_pipeline_compiles_to_its_golden_file(name: str, tmp_path: Path) -> None:
    golden, now = FOLDER / f"{name}.yaml", tmp_path / f"{name}.yaml"
    FILES[name](now)
    lines = [path.read_text().splitlines(keepends=True) for path in (golden, now)]
    diff = "".join(difflib.unified_diff(*lines, "golden", "now", n=2))
    assert not diff, (
        f"{golden.name} is of another pipeline; if that is meant: make golden, and look at the diff\n{diff}"
    )


def test_there_is_no_golden_file_of_nothing() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(FILES)
