from __future__ import annotations

from pathlib import Path

import pytest

from components.base.files import read_json, write_json
from components.gate.gate import gate
from tests.components.gate.made import TIMING, VALIDATION, champion, changed, evaluation, rules


@pytest.mark.parametrize(("gained", "passed"), [(120, True), (60, False)])
def test_the_step_writes_the_verdict_and_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gained: int, passed: bool
) -> None:
    inputs = tmp_path / "evaluation", tmp_path / "timing", tmp_path / "validation"
    contents = evaluation(champion(changed(gained, 90))), TIMING, VALIDATION
    for folder, content in zip(inputs, contents, strict=True):
        write_json(folder / f"{folder.name}.json", content)
    assert gate(*inputs, rules(), tmp_path / "verdict", tmp_path / "page" / "page.html") is passed
    verdict = read_json(tmp_path / "verdict" / "verdict.json")
    assert verdict["passed"] is passed and len(verdict["rules"]) == len(rules().rules)
    assert capsys.readouterr().out == verdict["summary"] + "\n"
    page = (tmp_path / "page" / "page.html").read_text()
    assert page == (tmp_path / "verdict" / "verdict.html").read_text() and verdict["outcome"] in page
