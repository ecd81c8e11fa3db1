"""`textgate gate explain` and `textgate gate check` as one types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from components.base import tracking
from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import GateStep
from components.gate.gate import gate
from components.gate.rules import verdict
from pipelines.cli import cli
from pipelines.local.folder import Run
from tests.components.gate.made import BENCH, TIMING, VALIDATION, champion, changed, evaluation, rules


def textgate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["gate", *arguments])


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.output.splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder `run` as MLflow shows it: evaluation/ with timing.json, validation/ beside; and rules in gate.yaml."""
    write_json(tmp_path / "run/evaluation/evaluation.json", evaluation(champion(changed(105, 90))))
    write_json(tmp_path / "run/evaluation/timing.json", TIMING)
    write_json(tmp_path / "run/validation/validation.json", VALIDATION)
    write_rules(tmp_path, {"rules": {"champion": {"test": "non_inferior", "margin": 0.02}}})
    return tmp_path


def write_rules(folder: Path, content: Any) -> str:
    (folder / "gate.yaml").write_text(yaml.safe_dump(content))
    return str(folder / "gate.yaml")


def check(folder: Path, *options: str) -> Result:
    found = ["--evaluation", str(folder / "run/evaluation/evaluation.json"), "--rules", str(folder / "gate.yaml")]
    return textgate("check", *found, *options)


def test_rules_alone_pass_a_model_and_show_every_why(files: Path) -> None:
    done = check(files)
    assert done.exit_code == 0, done.output
    shown = lines(done)
    for rule in rules().rules:
        assert any(line.startswith(f"pass {rule} observed") for line in shown), rule
    assert "pass champion observed 0.0050, interval -0.0041 to 0.0141, limit low > -0.02" in shown
    assert any("a loss of more than 0.02 is ruled out" in line for line in shown)
    assert shown[-1] == "passed: 12 hold"


def test_rules_alone_refuse_with_status_1_and_what_to_do(files: Path) -> None:
    size = {"metric": "size_mb", "at_most": 20, "severity": "warn"}
    write_rules(files, {"rules": {"size": size, "latency": {"at_most": 2}}})
    done = check(files)
    shown = lines(done)
    assert done.exit_code == 1
    assert "fail latency observed 5, limit <= 2" in shown and "warn size observed 23.6, limit <= 20" in shown
    assert "refused: 10 hold, 1 warn, 2 refuse" in shown
    assert shown.index("next") < shown.index(
        "Collect test rows: about 21,000, where 3,000 are now, would settle the comparison."
    )


def test_json_is_the_verdict_itself(files: Path) -> None:
    done = check(files, "--json")
    settings = rules(champion={"test": "non_inferior", "margin": 0.02})
    assert json.loads(done.output) == verdict(evaluation(champion(changed(105, 90))), TIMING, VALIDATION, settings)


def test_the_evaluation_may_be_a_folder_and_the_rules_a_whole_config(files: Path) -> None:
    config = {
        "name": "tiny",
        "data": {"labels": ["a", "b"]},
        "base_model": {"reference": "x"},
        "gate": {"rules": {"champion": {"severity": "off"}}},
    }
    path = write_rules(files, config)
    done = textgate("check", "--evaluation", str(files / "run/evaluation"), "--rules", path)
    assert done.exit_code == 0 and "passed: 11 hold" in lines(done)


def test_timing_and_validation_that_are_not_there_are_asked_for(files: Path) -> None:
    (files / "run/evaluation/timing.json").rename(files / "elsewhere.json")
    (files / "run/validation/validation.json").unlink()
    done = check(files)
    assert done.exit_code == 1
    assert "give timing.json with the evaluation" in done.output and "give validation.json" in done.output
    assert check(files, "--timing", str(files / "elsewhere.json")).exit_code == 0


def test_a_bench_is_the_one_that_the_rules_name_or_the_one_that_is_given(files: Path) -> None:
    given = {"rules": {"champion": {"severity": "off"}, "speed": {"metric": "bench_p95_ms", "at_most": 7}}}
    write_rules(files, given)
    unknown = check(files)
    assert unknown.exit_code == 1 and "textgate bundle bench BUNDLE --output FILE" in unknown.output
    write_json(files / "bench.json", BENCH)
    passed = check(files, "--bench", str(files / "bench.json"))
    assert passed.exit_code == 0 and "pass speed observed 6, limit <= 7" in lines(passed)
    write_rules(files, {**given, "bench": "bench.json"})
    assert check(files).output == passed.output
    slow = {**BENCH, "models": {"bundle": {**BENCH["models"]["bundle"], "p95_ms": 8.0}}}
    write_json(files / "slow.json", slow)
    assert "fail speed observed 8, limit <= 7" in lines(check(files, "--bench", str(files / "slow.json")))
    config = {"name": "tiny", "data": {"labels": ["a", "b"]}, "base_model": {"reference": "x"}}
    write_rules(files, {**config, "gate": {**given, "bench": "bench.json"}})
    assert check(files).output == passed.output


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "run/evaluation/evaluation.json").write_text("{"), "evaluation.json is not JSON"),
        (lambda folder: (folder / "run/evaluation/evaluation.json").unlink(), "evaluation.json does not exist"),
        (lambda folder: write_json(folder / "run/evaluation/evaluation.json", VALIDATION), "bundle: missing"),
        (lambda folder: write_json(folder / "run/evaluation/evaluation.json", []), "evaluation.json is not valid"),
        (
            lambda folder: write_json(folder / "run/evaluation/timing.json", {"p95_ms": "fast"}),
            "timing.json is not valid",
        ),
        (lambda folder: (folder / "gate.yaml").unlink(), "gate.yaml does not exist; name yours by --rules"),
        (lambda folder: write_rules(folder, ["x"]), "gate.yaml must hold keys and values"),
        (lambda folder: write_rules(folder, {"rules": ["x"]}), "rules: Input should be a valid dictionary"),
        (
            lambda folder: write_rules(folder, {"rules": {"x": {"metric": "speed", "at_least": 1}}}),
            "metric speed is not",
        ),
        (lambda folder: write_rules(folder, {"rule": {}}), "rule: unknown key"),
        (lambda folder: write_rules(folder, {"name": "x"}), "data: missing"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(files: Path, damage: Any, said: str) -> None:
    damage(files)
    done = check(files)
    assert isinstance(done.exception, TextgateError) and said in str(done.exception), str(done.exception)


def test_from_the_shell_a_malformed_file_is_a_message_and_no_stack_trace(files: Path) -> None:
    write_json(files / "run/evaluation/evaluation.json", {"task": "single-label"})
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "gate", "check"]
    command += ["--evaluation", str(files / "run/evaluation"), "--rules", str(files / "gate.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("textgate: evaluation.json is not valid") and "Traceback" not in done.stderr


def local_run(home: Path, run_id: str, with_verdict: bool) -> None:
    run = Run(home / "runs" / run_id, state="finished", outcome="refused-by-gate")
    run.save()
    if with_verdict:
        inputs = [home / "in" / name for name in ("evaluation", "timing", "validation")]
        contents = evaluation(champion(changed(105, 90))), TIMING, VALIDATION
        for folder, content in zip(inputs, contents, strict=True):
            write_json(folder / f"{folder.name}.json", content)
        task = run.folder / "tasks" / "pipeline-1" / "gate"
        gate(*inputs, GateStep(options=rules()), task / "verdict", task / "page")


def test_a_run_of_this_machine_is_explained_without_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    local_run(tmp_path, "tiny-1", with_verdict=True)
    local_run(tmp_path, "tiny-2", with_verdict=False)
    done = textgate("explain", "tiny-1")
    assert done.exit_code == 0 and "refused: 11 hold, 1 refuse" in lines(done)
    assert any(line.startswith("fail champion observed 0.0050") for line in lines(done))
    assert "about 21,000 test rows would settle it" in done.output
    ended = textgate("explain", "tiny-2")
    assert "the run tiny-2 ended before the gate (refused-by-gate)" in str(ended.exception)
    unknown = textgate("explain", "tiny-3")
    assert "the latest are: " in str(unknown.exception) and "nor does MLflow" in str(unknown.exception)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_run_that_mlflow_holds_is_explained_by_its_id_or_its_job(workspace: Path, tmp_path: Path) -> None:
    decision = verdict(evaluation(champion(changed(105, 90))), TIMING, VALIDATION, rules())
    decision["override"] = {"who": "eve", "reason": "the [old] one is broken"}
    write_json(tmp_path / "verdict.json", decision)
    run_id, empty = tracking.open_run("tiny", "job-1", {}), tracking.open_run("other", "job-2", {})
    tracking.log_files(run_id, {"verdict/verdict.json": tmp_path / "verdict.json"})
    by_id, by_job = textgate("explain", run_id), textgate("explain", "job-1")
    assert by_id.exit_code == 0 and by_id.output == by_job.output
    assert "refused: 11 hold, 1 refuse" in lines(by_id)
    assert "overridden by eve: the [old] one is broken" in lines(by_id)
    for run in (empty, "job-2"):
        assert "ended before the gate" in str(textgate("explain", run).exception)
    for run in ("0" * 32, "job-3", "it's"):
        assert "nor does MLflow" in str(textgate("explain", run).exception)


def test_help_says_what_the_exit_status_means() -> None:
    assert "Exits with 0" in textgate("check", "--help").output
