from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from components.base.files import read_json, write_json
from components.base.settings import GateStep, Override
from components.gate.component import gate as component
from components.gate.gate import gate
from tests.components.gate.made import TIMING, VALIDATION, champion, changed, evaluation, rules


def step() -> GateStep:
    return GateStep(options=rules())


@pytest.mark.parametrize(("gained", "passed"), [(120, True), (60, False)])
def test_the_step_writes_the_verdict_and_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gained: int, passed: bool
) -> None:
    inputs = tmp_path / "evaluation", tmp_path / "timing", tmp_path / "validation"
    contents = evaluation(champion(changed(gained, 90))), TIMING, VALIDATION
    for folder, content in zip(inputs, contents, strict=True):
        write_json(folder / f"{folder.name}.json", content)
    assert gate(*inputs, step(), tmp_path / "verdict", tmp_path / "page" / "page.html") is passed
    verdict = read_json(tmp_path / "verdict" / "verdict.json")
    assert verdict["passed"] is passed and len(verdict["rules"]) == len(rules().rules)
    assert capsys.readouterr().out == verdict["summary"] + "\n"
    page = (tmp_path / "page" / "page.html").read_text()
    assert page == (tmp_path / "verdict" / "verdict.html").read_text() and verdict["outcome"] in page


def test_a_reproduction_that_passes_goes_no_further(tmp_path: Path) -> None:
    inputs = tmp_path / "evaluation", tmp_path / "timing", tmp_path / "validation"
    for folder, content in zip(inputs, (evaluation(champion(changed(120, 90))), TIMING, VALIDATION), strict=True):
        write_json(folder / f"{folder.name}.json", content)
    again = GateStep(options=rules(), reproduction=True)
    assert gate(*inputs, again, tmp_path / "verdict", tmp_path / "page.html") is False
    assert read_json(tmp_path / "verdict" / "verdict.json")["outcome"] == "passed"


@pytest.mark.parametrize(("gained", "outcome"), [(120, "passed"), (60, "overridden")])
def test_an_override_lets_a_refused_bundle_go_on(tmp_path: Path, gained: int, outcome: str) -> None:
    folders = {name: tmp_path / name for name in ("evaluation", "timing", "validation")}
    contents = evaluation(champion(changed(gained, 90))), TIMING, VALIDATION
    for (name, folder), content in zip(folders.items(), contents, strict=True):
        write_json(folder / f"{name}.json", content)
    override = Override(reason="<b>Ann</b> knows", who="ann@desk").model_dump_json()
    outputs = {name: tmp_path / name for name in ("verdict", "page")}
    artifacts = {name: SimpleNamespace(path=str(path)) for name, path in (folders | outputs).items()}
    assert component.python_func(settings=step().model_dump_json(), override=override, **artifacts) is True
    verdict = read_json(tmp_path / "verdict" / "verdict.json")
    assert (verdict["outcome"], verdict["passed"]) == (outcome, outcome == "passed")
    assert ("override" in verdict) is (outcome == "overridden")
    page = (tmp_path / "page").read_text()
    assert ("&lt;b&gt;Ann&lt;/b&gt; knows" in page) is (outcome == "overridden")
    if outcome == "overridden":
        refused = component.python_func(settings=step().model_dump_json(), override="", **artifacts)
        assert refused is False
