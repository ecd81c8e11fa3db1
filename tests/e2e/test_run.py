"""The compiled pipeline, run by the command line from a folder outside the checkout, with a tiny model.

One story in order: a first champion, a refusal by validation, a crash taken up again as a challenger, a refusal by the
gate, which is overridden then, and the very same thing again.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.components.close.webhook import SECRET, webhook
from tests.e2e.story import Story, wait_for_step
from tests.tiny_project import LABELS, write_config

REASON = 'its labels were wrong; "T-1" says why: it\'s python3 {{$.inputs}} ü'


@pytest.fixture(scope="module")
def story(tiny_project: Path) -> Story:
    return Story(tiny_project)


def test_first_run_ends_with_a_deployed_champion(story: Story) -> None:
    scratch = story.project / "scratch"
    scratch.mkdir()
    run = story.run("first", "--config", "tiny.yaml", TMPDIR=str(scratch))
    assert run["outcome"] == "registered"
    assert list(scratch.iterdir()) == []
    assert "champion → version 1" in run["out"]
    (entry,) = story.log()
    assert (entry["version"], entry["previous_version"]) == ("1", "")
    assert story.pinned()["version"] == "1"
    assert story.pinned()["digest"] == entry["bundle_digest"]
    tracked = story.tracked("first")
    assert tracked.info.status == "FINISHED"
    assert tracked.data.metrics["test/accuracy"] >= 0.6
    assert tracked.data.tags["textgate.outcome"] == "registered"


@pytest.mark.slow
def test_bad_data_is_a_recorded_refusal_of_which_a_webhook_hears(story: Story) -> None:
    changes = ("--set", "validation.min_rows.train=100000", "--set", "notify.kind=slack")
    with webhook() as hook:
        run = story.run("invalid", "--config", "tiny.yaml", *changes, TEXTGATE_WEBHOOK=hook.url, NO_PROXY="127.0.0.1")
    ((text,),) = (one.values() for one in hook.got)
    assert text.startswith(":no_entry: *tiny*: refused (refused-by-validation)") and "100000" in text
    files = [path for path in Path(run["folder"]).rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files), "the webhook's URL is a secret"
    assert run["outcome"] == "refused-by-validation"
    assert set(story.states("invalid")) == {"resolve", "fetch", "validate", "record", "close"}
    assert "100000" in run["out"]
    assert story.tracked("invalid").data.tags["textgate.outcome"] == "refused-by-validation"
    assert len(story.log()) == 1


@pytest.mark.slow
def test_crash_names_the_step_and_is_recorded(story: Story) -> None:
    process = story.start("run", "--config", "tiny.yaml", "--set", "training.seed=2")
    victim = wait_for_step(process, "quantize")
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "quantize" in err
    assert "Traceback" not in err
    newest = max(story.folders(), key=lambda folder: folder.stat().st_mtime)
    story.runs["crashed"] = json.loads((newest / "run.json").read_text())
    assert story.states("crashed")["quantize"] == "failed"
    tracked = story.tracked("crashed")
    assert tracked.info.status == "FAILED"
    assert tracked.data.tags["textgate.failed_step"] == "quantize"
    assert "killed" in tracked.data.tags["textgate.failure"]


@pytest.mark.slow
def test_crashed_run_is_taken_up_without_training_again(story: Story) -> None:
    crashed = Path(story.runs["crashed"]["folder"]).name
    run = story.run("again", "--reuse", crashed, "--from", "quantize")
    states = story.states("again")
    assert [states[step] for step in ("fetch", "validate", "tokenize", "finetune")] == ["reused"] * 4
    assert states["quantize"] == "done"
    assert run["outcome"] in {"registered", "refused-by-gate"}
    compared = story.verdict("again")
    assert "champion version 1" in compared["champion"]["why"]
    assert compared["champion"]["observed"] is not None
    champion = "2" if run["outcome"] == "registered" else "1"
    assert story.log()[-1]["version"] == champion
    assert story.pinned()["version"] == champion


def test_gate_refuses_and_the_champion_stays(story: Story) -> None:
    first = Path(story.runs["first"]["folder"]).name
    log, pinned = story.log(), story.pinned()
    run = story.run(
        "refused", "--config", "tiny.yaml", "--set", "training.seed=3", "--set", "gate.rules.accuracy.at_least=1.0",
        "--set", "gate.rules.speed={metric: bench_p95_ms, at_most: 60000}", "--reuse", first,
    )  # fmt: skip
    assert run["outcome"] == "refused-by-gate"
    assert "register" not in story.states("refused")
    assert story.tracked("refused").data.tags["textgate.outcome"] == "refused-by-gate"
    assert (story.log(), story.pinned()) == (log, pinned)
    assert f"run --reuse {Path(run['folder']).name} --override --reason" in run["out"]
    speed = story.verdict("refused")["speed"]
    assert not speed["passed"] and "textgate bundle bench BUNDLE --output FILE" in speed["why"]


@pytest.mark.slow
def test_a_refusal_gets_the_bench_it_asked_for_and_is_overridden_without_training_again(story: Story) -> None:
    champion = story.log()[-1]["version"]
    refused = Path(story.runs["refused"]["folder"])
    (bundle,) = refused.glob("tasks/*/quantize/bundle")
    assert f"bundle {bundle}" in story.runs["refused"]["out"]
    status, out, err = story.textgate("bundle", "bench", str(bundle), "--output", "bench.json")
    assert status == 0, out + err
    asked = ("--set", "gate.bench=bench.json", "--override", "--reason", REASON)
    run = story.run("overridden", "--reuse", refused.name, *asked)
    states = story.states("overridden")
    before = ("fetch", "validate", "tokenize", "finetune", "quantize", "evaluate")
    assert {states[step] for step in before} == {"reused"}
    assert run["outcome"] == "registered"
    assert "refused by the gate, overridden and registered" in run["out"]
    judged = story.verdict("overridden")
    assert judged["speed"]["passed"] and "the bench was run on" in judged["speed"]["why"]
    assert not judged["accuracy"]["passed"]
    entry = story.log()[-1]
    assert (entry["previous_version"], entry["override"]) == (champion, REASON)
    assert story.pinned()["version"] == entry["version"] != champion
    tags = story.version_tags(entry["version"])
    assert (tags["textgate.verdict"], tags["textgate.override"]) == ("overridden", REASON)
    assert story.tracked("overridden").data.tags["textgate.summary"].startswith("overridden by ")


@pytest.mark.slow
def test_the_very_same_thing_again_registers_nothing(story: Story) -> None:
    log = story.log()
    run = story.run("same", "--reuse", Path(story.runs["overridden"]["folder"]).name, "--from", "finetune")
    assert story.states("same")["finetune"] == "done"
    assert run["outcome"] == "unchanged"
    assert "nothing changed" in run["out"]
    assert story.log() == log


@pytest.mark.slow
def test_warm_start_trains_from_the_checkpoint_of_the_champion(story: Story) -> None:
    champion = story.log()[-1]["version"]
    run = story.run("warm", "--config", "tiny.yaml", "--set", "base_model.warm_start=champion")
    assert f"base model mlflow://tiny/{champion}" in run["out"]
    (config,) = Path(run["folder"]).glob("tasks/*/fetch/base_model/config.json")
    assert sorted(json.loads(config.read_text())["label2id"]) == LABELS
    tags = story.tracked("warm").data.tags
    assert tags["textgate.base_model"] == f"mlflow://tiny/{champion}"
    assert tags["textgate.base_model_digest"] != story.tracked("first").data.tags["textgate.base_model_digest"]


@pytest.mark.slow
def test_broken_canary_leaves_the_champion_unmoved(story: Story) -> None:
    log, pinned = story.log(), story.pinned()
    run = story.run(
        "broken", "--config", "tiny.yaml", "--reuse", Path(story.runs["first"]["folder"]).name,
        "--set", "promote.log=another-log", "--set", "canary.max_latency_ms=0.0001",
    )  # fmt: skip
    assert run["outcome"] == "refused-by-canary"
    assert not {"promote", "deploy"} & set(story.states("broken"))
    assert f"champion → version {log[-1]['version']}" in run["out"]
    assert not list(story.project.glob("another-log/*"))
    assert (story.log(), story.pinned()) == (log, pinned)


@pytest.mark.slow
def test_with_manual_modes_a_person_promotes_the_challenger(story: Story) -> None:
    config = write_config(story.project, promote={"mode": "manual", "log": "manual-log"}, deploy={"mode": "manual"})
    config.rename(story.project / "manual.yaml")
    first = Path(story.runs["first"]["folder"]).name
    run = story.run("manual", "--config", "manual.yaml", "--reuse", first)
    assert run["outcome"] == "registered"
    assert not {"canary", "promote", "deploy"} & set(story.states("manual"))
    assert not list(story.project.glob("manual-log/**/*.json"))
    version = story.tracked("manual").data.tags["textgate.version"]
    # The alias is that of the other log.
    story.mlflow().delete_registered_model_alias("tiny", "champion")
    status, out, err = story.textgate("promote", "tiny", version, "--config", "manual.yaml", "--reason", "looks right")
    assert status == 0, out + err
    (entry,) = [json.loads(path.read_text()) for path in story.project.glob("manual-log/**/*.json")]
    assert (entry["version"], entry["why"]) == (version, "looks right")
    assert story.pinned()["version"] == version
