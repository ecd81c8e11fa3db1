"""The run on one screen, from the reports that lie in its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import tracking
from components.base.files import write_json
from components.base.settings import Settings
from pipelines.local.folder import Run, Step, new_run
from pipelines.local.summary import next_commands, show
from tests.evaluations import estimate, make_champion, make_evaluation, score

Show = Callable[..., str]
RULE: dict[str, Any] = {
    "rule": "accuracy",
    "severity": "error",
    "metric": "accuracy",
    "part": "",
    "against": "",
    "observed": 0.7,
    "low": None,
    "high": None,
    "limit": ">= 0.5",
    "passed": True,
    "why": "",
    "rows_needed": None,
}


@pytest.fixture
def shown(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    """What is printed for an evaluation and the rules of a verdict."""
    monkeypatch.setenv("COLUMNS", "200")
    tracking.prepare("tiny")
    data = {"labels": ["a", "b"]}
    settings = Settings.model_validate({"name": "tiny", "data": data, "base_model": {"reference": "x"}})

    def printed(evaluation: dict[str, Any], *rules: dict[str, Any], **verdict: Any) -> str:
        run = new_run(settings)
        run.outcome, run.steps = "refused-by-gate", [Step("evaluate", "done"), Step("gate", "done")]
        tasks = run.folder / "tasks" / "now"
        write_json(tasks / "evaluate" / "evaluation" / "evaluation.json", evaluation)
        report = {"passed": False, "outcome": "refused", "summary": "refused", "rules": rules, "next": [], **verdict}
        (tasks / "quantize" / "bundle").mkdir(parents=True)
        write_json(tasks / "gate" / "verdict" / "verdict.json", report)
        show(run, settings)
        return capsys.readouterr().out

    return printed


def line(out: str, start: str) -> list[str]:
    (found,) = [line for line in out.splitlines() if line.strip().startswith(start)]
    return [part for part in found.strip().split("  ") if part]


def test_each_model_has_a_line_with_the_main_metrics(shown: Show) -> None:
    out = shown(make_evaluation(champion=make_champion("7")), RULE)
    assert [part.strip() for part in line(out, "accuracy")] == ["accuracy", "macro F1", "size"]
    assert line(out, "served bundle")[1].strip() == "0.7000 [0.602, 0.798]"
    for name, value in (("its float parent", "0.7200"), ("linear model", "0.6500"), ("champion version 7", "0.6000")):
        assert line(out, name)[1].strip().startswith(value)
    assert "report.html" in out
    assert line(out, "bundle ")[0].endswith("quantize/bundle")
    tags = {"bundle": {"digest": "d", **score(0.7, task="token-tags")}, "main": "micro_f1"}
    assert "micro F1" in shown(make_evaluation(**tags), RULE)


def test_what_is_not_defined_or_was_not_compared_is_said(shown: Show) -> None:
    gone = {"version": "7", "digest": "f" * 64, "problem": "its files [here] are gone"}
    evaluation = make_evaluation(champion=gone, linear=None)
    evaluation["bundle"]["metrics"]["accuracy"] = estimate(None, why="no rows")
    evaluation["bundle"]["metrics"]["macro_f1"] = estimate(0.5, support=3)
    out = shown(evaluation, RULE)
    found = [part.strip() for part in line(out, "served bundle")]
    assert found[1:] == ["not defined", "0.5000 [0.402, 0.598] ?"]
    assert "champion version 7 was not compared with: its files [here] are gone" in out
    assert "linear model" not in out


def test_a_rule_says_what_was_observed_and_warns_apart(shown: Show) -> None:
    out = shown(
        make_evaluation(),
        {**RULE, "low": 0.6, "high": 0.8},
        {**RULE, "rule": "leakage", "observed": 3, "limit": "<= 0", "passed": False, "severity": "warn"},
        {**RULE, "rule": "champion", "observed": None, "passed": False},
        next=["collect 900 more test rows"],
    )
    assert [part.strip() for part in line(out, "✓ ")] == ["✓", "accuracy", "0.7000", "0.6000 to 0.8000", ">= 0.5"]
    assert [part.strip() for part in line(out, "! ")] == ["!", "leakage", "3", "<= 0"]
    assert [part.strip() for part in line(out, "✗ ")] == ["✗", "champion", "–", ">= 0.5"]
    assert out.index("collect 900 more test rows") > out.index("\nnext\n")


@pytest.mark.parametrize(("target", "first"), [("local", "textgate serve"), ("kserve", "textgate deploy status tiny")])
def test_what_comes_next_is_where_the_model_is_deployed(target: str, first: str, tmp_path: Path) -> None:
    deploy = {"target": target, "mode": "auto", "kserve": {"namespace": "models", "image": "textgate/serve"}}
    named = {"name": "tiny", "data": {"labels": ["a", "b"]}, "base_model": {"reference": "x"}}
    settings = Settings.model_validate({**named, "promote": {"mode": "auto"}, "deploy": deploy})
    run = Run(tmp_path, outcome="registered")
    assert next_commands(run, settings, "", "", "")[0].endswith(first)
