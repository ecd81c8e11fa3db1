"""The promotion as a pipeline: compiled, and run by kfp's local runner from the YAML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import failures, registry
from components.base.files import write_json
from components.base.promotion_log import open_log
from components.base.settings import PromotionRequest, RunStep, Settings, load
from pipelines.lint import check, read_spec, step_names
from pipelines.promotion.compiling import compile_promotion, promotion_arguments
from serving.pins import pin_path, read_pin

ROOT = Path(__file__).parents[3]
RUN = RunStep(name="tiny")
ASKED = PromotionRequest(reason='it\'s {{$}} "better"', who="ann@desk")
Register = Callable[..., Any]
Promote = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def settings(tiny_project: Path) -> Settings:
    return load(tiny_project / "tiny.yaml")


@pytest.fixture
def promote(settings: Settings, workspace: Path, tmp_path: Path) -> Promote:
    """Runs the compiled pipeline in a folder of its own."""
    count = iter(range(9))

    def call(version: str, request: PromotionRequest = ASKED, **modes: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / f"run {next(count)}"
        folder.mkdir()
        changed = settings.model_copy(update={"deploy": settings.deploy.model_copy(update=modes)})
        compile_promotion(changed, folder / "pipeline.yaml")
        write_json(folder / "arguments.json", promotion_arguments(changed, version, request))
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            failures.VARIABLE: str(folder / "failures.jsonl"),
        }
        command = [sys.executable, "-m", "pipelines.local.worker", str(folder)]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)

    return call


def failure(tmp_path: Path, number: int = 0) -> dict[str, str]:
    found = failures.first(tmp_path / f"run {number}" / "failures.jsonl")
    assert found
    return found


def test_arguments_are_what_the_pipeline_declares(settings: Settings, tmp_path: Path) -> None:
    compile_promotion(settings, tmp_path / "promotion.yaml")
    compile_promotion(settings, tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == (tmp_path / "promotion.yaml").read_bytes()
    arguments = promotion_arguments(settings, "3", ASKED)
    assert arguments.keys() == set(check(tmp_path / "promotion.yaml").root.input_definitions.parameters)
    assert "{{" not in arguments["request"], "kfp would take it for its own"
    assert json.loads(arguments["request"])["reason"] == ASKED.reason


def test_every_step_runs_each_time_and_the_mode_says_whether_it_deploys(settings: Settings, tmp_path: Path) -> None:
    for mode, last in (("auto", {"deploy"}), ("manual", set())):
        changed = settings.model_copy(update={"deploy": settings.deploy.model_copy(update={"mode": mode})})
        compile_promotion(changed, tmp_path / "promotion.yaml")
        spec = read_spec(tmp_path / "promotion.yaml")
        assert step_names(spec) == {"canary", "promote", *last}
        assert not any(task.caching_options.enable_cache for task in spec.root.dag.tasks.values())


def test_a_version_is_questioned_promoted_and_deployed(
    promote: Promote, register_version: Register, workspace: Path
) -> None:
    register_version("job-1")
    done = promote("1")
    assert done.returncode == 0, done.stdout
    (entry,) = open_log(RUN).entries()
    assert (entry.version, entry.who, entry.why) == ("1", "ann@desk", ASKED.reason)
    assert registry.aliases("tiny") == {"champion": "1"}
    assert read_pin(pin_path(workspace, "tiny")).version == "1"


@pytest.mark.slow
def test_what_a_person_expects_is_held_against_the_champion(
    promote: Promote, register_version: Register, workspace: Path, tmp_path: Path
) -> None:
    """And the pipeline itself holds the champion against the one that the version was compared with."""
    register_version("job-1")
    assert promote("1", PromotionRequest(reason="first", expect="none"), mode="manual").returncode == 0
    assert not pin_path(workspace, "tiny").exists()
    register_version("job-2", temperature=3.0)
    assert promote("2").returncode != 0
    told = failure(tmp_path, 1)
    assert told["step"] == "promote" and "version 2 was compared with none" in told["message"]
    register_version("job-3", temperature=4.0, champion="1")
    assert promote("3", PromotionRequest(reason="better", expect="2")).returncode != 0
    assert "the champion of tiny is version 1, not version 2, as --expect says" in failure(tmp_path, 2)["message"]
    assert registry.alias_of("tiny", "champion") == "1"


def test_a_version_that_fails_its_canary_fails_the_pipeline(
    promote: Promote, register_version: Register, tmp_path: Path
) -> None:
    register_version("job-1", change=contradict)
    assert promote("1").returncode != 0
    told = failure(tmp_path)
    assert told["step"] == "promote"
    assert told["message"] == "version 1 of tiny failed its canary, whose report says how; nothing was changed"
    assert open_log(RUN).head() is None and registry.aliases("tiny") == {"challenger": "1"}


def contradict(bundle: Path) -> None:
    """Its examples expect what it does not answer."""
    from tests.components.promote.conftest import seal_again

    canary = bundle / "canary.json"
    canary.write_text(canary.read_text().replace("positive", "neutral"))
    seal_again(bundle)
