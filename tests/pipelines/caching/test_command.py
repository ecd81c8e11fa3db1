"""`textgate cache explain`, and what it asks a Kubeflow for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kfp_server_api import V2beta1Run

from pipelines.cli import main
from tests.pipelines.caching.made import leave, recorded
from tests.pipelines.loopback_kfp import State, loopback

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textgate", "cache", "explain", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_a_line_for_each_step_and_one_for_each_change(project: Path, typed: Typed) -> None:
    first = leave(project, "first")
    leave(project, "second", "training.seed=2", reuse=first, reused=("fetch", "validate", "tokenize"))
    status, out, err = typed("second")
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "run second"
    assert "↺ tokenize reused taken from first" in lines
    assert lines[lines.index("✓ finetune ran changed since first") + 1] == "parameter training.seed: 1 → 2"
    assert "input checkpoint of finetune, which is another now" in lines
    status, out, _ = typed("second", "--json")
    found = json.loads(out)
    assert (found["run"], found["local"]) == ("second", True)
    assert [step["step"] for step in found["steps"] if step["state"] == "reused"] == ["fetch", "validate", "tokenize"]


def test_kubeflow_tells_what_came_from_its_cache(project: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTGATE_KFP_TOKEN", raising=False)
    recorded(project, "first")
    recorded(project, "second", "training.seed=2")
    cached = dict.fromkeys(("fetch", "validate", "tokenize-shard", "tokenize-merge"), "SKIPPED")
    steps = {"resolve": "SUCCEEDED", **cached, "finetune": "SUCCEEDED", "quantize": "FAILED", "record-3": "SUCCEEDED"}
    kubeflow = State(frames=[("FAILED", steps)])
    kubeflow.runs["job-second"] = V2beta1Run(run_id="job-second", display_name="job-second")
    with loopback(kubeflow) as host:
        status, out, err = typed("job-second", "--on", "cluster", "--host", host, "--json")
        assert (status, err) == (0, "")
        unknown = typed("job-third", "--on", "cluster", "--host", host)
    states = {step["step"]: step["state"] for step in json.loads(out)["steps"]}
    reached = {step: state for step, state in states.items() if state != "not reached"}
    kept = dict.fromkeys(("fetch", "validate", "tokenize"), "reused")
    assert reached == {"resolve": "ran", **kept, "finetune": "ran", "quantize": "failed", "record": "ran"}
    assert unknown[0] == 1 and "there is no run job-third on Kubeflow" in unknown[2]


def test_without_a_kubeflow_it_is_said_who_knows(project: Path, typed: Typed) -> None:
    recorded(project, "first")
    status, out, _ = typed("job-first")
    assert status == 0 and out.rstrip().endswith("--on cluster asks it")


def test_a_run_that_nobody_knows(project: Path, typed: Typed) -> None:
    status, _, err = typed("nobody")
    assert status == 1 and "has no run with the name, id or job 'nobody'" in err
