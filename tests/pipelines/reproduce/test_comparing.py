from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from pipelines.lineage.recorded import find
from pipelines.reproduce.comparing import Comparison, compare
from pipelines.reproduce.report import lines, store
from tests.pipelines.reproduce.recorded_runs import DIGESTS, record_run
from tests.tiny_project import write_config

CLOSE, FAR = {"a": [0.7421875, 0.2578125]}, {"a": [0.5, 0.5]}
FROM_WEIGHTS = dict.fromkeys(list(DIGESTS)[2:], "other")


@pytest.fixture
def project(workspace: Path, tmp_path: Path) -> Path:
    write_config(tmp_path)
    (tmp_path / "data.dvc").write_text(
        f"outs:\n- {{md5: {'0123456789abcdef' * 2}.dir, size: 3, nfiles: 3, hash: md5, path: data}}\n"
    )
    return tmp_path


def compared(project: Path, *settings: str, to: str = "", **changes: Any) -> Comparison:
    return compare(record_run(project, "first"), record_run(project, "again", *settings, **changes), to=to)


def said(found: Comparison) -> list[str]:
    return [str(cause) for cause in found.causes]


def test_equal_digests_are_identical_whatever_else_differs(project: Path) -> None:
    found = compared(project, "training.threads=1", params={"versions.keras": "3.16.0"}, git_commit="d" * 40)
    assert (found.outcome, found.departs, found.causes) == ("identical", "", [])


def test_another_thread_count_is_equivalent_and_named(project: Path) -> None:
    threads = {"training.threads": "1"}
    found = compared(project, "training.threads=1", digests=FROM_WEIGHTS, params=threads, shares=CLOSE)
    assert (found.outcome, found.departs) == ("equivalent", "weights")
    assert said(found) == ["threads: training.threads 2 → 1"]
    assert found.agreement and found.agreement.largest == pytest.approx(0.0078125)


def test_beyond_the_tolerance_it_is_different(project: Path) -> None:
    found = compared(project, digests=FROM_WEIGHTS, processor="Xeon", shares=FAR)
    assert (found.outcome, said(found)) == ("different", ["processor: of the training EPYC → Xeon"])


def test_what_differs_of_machines_is_that_of_the_stage(project: Path) -> None:
    """Training has its threads, what follows takes all cores."""
    parted = dict.fromkeys(list(DIGESTS)[4:], "other")
    other = {"training.threads": "1", "timing.cores": "8", "timing.processor": "Xeon", "versions.keras": "3.16.0"}
    found = compared(project, digests=parted, params=other)
    assert (found.outcome, found.departs) == ("equivalent", "predictions")
    causes = ["threads: timing.cores 2 → 8", "processor: timing.processor EPYC → Xeon"]
    assert said(found) == [*causes, "versions: versions.keras 3.15.1 → 3.16.0"]


@pytest.mark.parametrize(
    ("stage", "settings", "changes", "cause"),
    [
        ("data", [], {"data_md5": "1.dir"}, f"data: the version {'0123456789abcdef' * 2}.dir → 1.dir"),
        ("encoded", ["tokenization.max_length=16"], {}, "settings: tokenize: options.max_length 24 → 16"),
        ("encoded", [], {"base_model_digest": "e" * 64}, f"base model: its digest {'b' * 40} → {'e' * 40}"),
        ("weights", ["training.seed=2"], {}, "settings: finetune: training.seed 1 → 2"),
        ("bundle", ["quantization.policy=int8"], {}, 'settings: quantize: limits.policy "smallest_within" → "int8"'),
        ("metrics", ["evaluation.confidence=0.9"], {}, "settings: evaluate: options.confidence 0.95 → 0.9"),
        ("metrics", [], {"champion_version": "3"}, "champion: its version none → 3"),
        ("verdict", ["gate.unusable_champion=warn"], {}, 'settings: gate: options.unusable_champion "refuse" → "warn"'),
        ("weights", [], {"git_commit": "d" * 40}, f"code: commit {'c' * 40} → {'d' * 40}"),
        ("weights", [], {"lock_digest": "f" * 64}, f"lock: requirements.lock none → {'f' * 40}"),
    ],
)  # fmt: skip
def test_what_decides_the_result_makes_it_different_however_near(
    project: Path, stage: str, settings: list[str], changes: dict[str, str], cause: str
) -> None:
    parted = dict.fromkeys(list(DIGESTS)[list(DIGESTS).index(stage) :], "other")
    found = compared(project, *settings, digests=parted, **changes)
    assert (found.outcome, found.departs, said(found)) == ("different", stage, [cause])


def test_the_causes_are_those_of_the_first_stage_that_departs(project: Path) -> None:
    settings = "tokenization.max_length=16", "training.seed=2"
    found = compared(project, *settings, digests=FROM_WEIGHTS)
    assert said(found) == ["settings: finetune: training.seed 1 → 2"]


def test_where_things_lie_is_no_cause(project: Path) -> None:
    moved = "data.remotes=[elsewhere]", "training.checkpoint.place=saved", "s3.endpoint=http://other", "promote.log=log"
    found = compared(project, *moved, digests={stage: "other" for stage in DIGESTS if stage != "data"})
    assert (found.outcome, found.departs, found.causes) == ("equivalent", "encoded", [])


def test_a_batch_size_that_memory_found_is_no_cause(project: Path) -> None:
    first = record_run(project, "first", "training.batch_size=auto")
    found = compare(first, record_run(project, "again", digests=FROM_WEIGHTS))
    assert (found.departs, found.causes) == ("weights", [])


def test_a_run_that_came_less_far_departs_where_it_ended(project: Path) -> None:
    found = compared(project, digests=dict.fromkeys(FROM_WEIGHTS, ""))
    assert (found.outcome, found.departs, found.stages[2].after) == ("different", "weights", "")


def test_only_what_was_to_be_made_is_compared(project: Path) -> None:
    found = compared(project, to="tokenize", digests=dict.fromkeys(FROM_WEIGHTS, ""))
    assert (found.outcome, [stage.name for stage in found.stages]) == ("identical", ["data", "encoded"])


def test_a_run_without_digests_cannot_be_compared(project: Path) -> None:
    old = record_run(project, "old", digests=dict.fromkeys(DIGESTS, ""))
    with pytest.raises(TextgateError, match="the run old has no digests of what its steps made"):
        compare(old, record_run(project, "again"))


def test_without_predictions_nobody_says_that_they_agree(project: Path) -> None:
    first, again = record_run(project, "first"), record_run(project, "again", digests=FROM_WEIGHTS)
    found = replace(compare(first, again), agreement=None)
    assert any("whether predictions agree is not known" in line for line in lines(found, first, again))
    assert not any("not known" in line for line in lines(compare(first, again), first, again))


def test_the_report_lies_with_the_original_run(project: Path) -> None:
    first = record_run(project, "first")
    again = record_run(project, "again", digests=FROM_WEIGHTS, params={"training.threads": "1"}, shares=CLOSE)
    found = compare(first, again)
    store(found, first, again)
    tags = connect().get_run(first.run_id).data.tags
    assert (tags["textgate.reproduced"], tags["textgate.reproduced_by"]) == ("equivalent", again.run_id)
    assert tags["textgate.reproduced_departs"] == "weights"
    text = (find(first.run_id).file("reproductions/again.txt") or b"").decode()
    assert text.splitlines() == lines(found, first, again)
    assert "equivalent: first and again" in text and "threads: training.threads 2 → 1" in text
    assert "2 test rows: the largest difference of a probability is 0.0078 (tolerance 0.01), 0 are answered" in text
    assert b'"departs": "weights"' in (find(first.run_id).file("reproductions/again.json") or b"")
    assert "textgate.reproduced" not in connect().get_run(again.run_id).data.tags
