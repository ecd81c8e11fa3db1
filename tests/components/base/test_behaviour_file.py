from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from components.base.errors import TextgateError
from components.base.settings import (
    EvaluateStep,
    ExpectedCase,
    InvarianceTest,
    MinimumTest,
    Settings,
    from_json,
    load,
    read_behaviour,
    step_sections,
)
from pipelines.cli import cli

LABELS = {
    "single-label": ["bad", "good", "off"],
    "multi-label": ["bad", "good"],
    "text-pair": ["differs", "follows"],
    "token-tags": ["O", "B-place", "I-place"],
}
TYPOS = {"kind": "invariance", "change": "typos"}
PRAISE = {"kind": "direction", "append": "Fine.", "label": "good", "must": "rise"}


def write(folder: Path, tests: str | dict[str, Any], task: str = "single-label", **changes: Any) -> Path:
    content = tests if isinstance(tests, str) else yaml.safe_dump(tests, sort_keys=False)
    (folder / "tests.yaml").write_text(content, encoding="utf-8")
    config = {
        "name": "tiny",
        "data": {"labels": LABELS[task], "task": task},
        "base_model": {"reference": "package://some/model"},
        "evaluation": {"behaviour": "tests.yaml"},
        **changes,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def settings(folder: Path, tests: str | dict[str, Any], task: str = "single-label", **changes: Any) -> Settings:
    return load(write(folder, tests, task, **changes))


def refusal(folder: Path, tests: str | dict[str, Any], task: str = "single-label") -> str:
    with pytest.raises(TextgateError) as refused:
        read_behaviour(settings(folder, tests, task))
    assert str(folder / "tests.yaml") in str(refused.value) and "evaluation.behaviour" in str(refused.value)
    return str(refused.value)


def test_the_default_config_has_tests_of_each_kind() -> None:
    tests = read_behaviour(load(Path("configs/brand-sentiment.yaml")))
    assert {test.kind for test in tests.values()} == {"invariance", "direction", "minimum"}


def test_scalars_are_what_is_written(tmp_path: Path) -> None:
    text = "a_no:\n  kind: minimum\n  cases: [{text: no, label: off}]\nb: {kind: invariance, change: typos, rows: 30}"
    minimum, typos = read_behaviour(settings(tmp_path, text)).values()
    assert isinstance(minimum, MinimumTest) and isinstance(typos, InvarianceTest)
    assert minimum.cases == [ExpectedCase(text="no", label="off")] and typos.rows == 30


def test_the_content_is_part_of_the_evaluate_step_and_the_place_is_not(tmp_path: Path) -> None:
    def sections(content: dict[str, Any], name: str = "tests.yaml") -> dict[str, str]:
        found = settings(tmp_path, content, evaluation={"behaviour": name})
        return step_sections(found, [], read_behaviour(found))

    before, changed = sections({"x": TYPOS}), sections({"x": TYPOS | {"count": 2}})
    assert [step for step in before if before[step] != changed[step]] == ["evaluate"]
    assert from_json(EvaluateStep, changed["evaluate"]).behaviour["x"] == InvarianceTest(**TYPOS, count=2)
    (tmp_path / "tests.yaml").rename(tmp_path / "others.yaml")
    assert sections({"unread": TYPOS}, "others.yaml") == changed


CASE = {"text": "x", "label": "good"}
MINIMUM = {"kind": "minimum", "cases": [CASE]}


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (TYPOS | {"chnage": "x"}, ["t.chnage: unknown key", "change"]),
        (TYPOS | {"change": "typo"}, ["t.change", "'lower_case'", "'typo'"]),
        ({"kind": "invariant"}, ["t: must be", "invariance, direction, minimum"]),
        ({"change": "typos"}, ["t: must be", "a kind"]),
        ("typos", ["t: must be keys and values"]),
        (TYPOS | {"rows": "many"}, ["t.rows", "integer", "'many'"]),
        (TYPOS | {"of_label": "fine"}, ["t.of_label: 'fine' is not among data.labels (bad, good, off)"]),
        (TYPOS | {"cases": [{"text": "x"}], "rows": 5}, ["a test that has cases is on these"]),
        (TYPOS | {"swaps": [["a", "b"]]}, ["goes with the change swaps"]),
        (TYPOS | {"change": "swaps"}, ["goes with the change swaps"]),
        (TYPOS | {"change": "upper_case", "count": 2}, ["count goes with the change typos"]),
        (TYPOS | {"change": "swaps", "swaps": [["Anna"]]}, ["t.swaps.0", "at least 2"]),
        (TYPOS | {"change": "swaps", "swaps": [["Anna", "Bo"], ["bo", "Cy"]]}, ["the name bo stands in swaps twice"]),
        (PRAISE | {"label": "fine"}, ["t.label: 'fine' is not among data.labels"]),
        (PRAISE | {"append": ""}, ["the text to append or to prepend"]),
        (PRAISE | {"must": "grow"}, ["t.must", "'not_fall'", "'grow'"]),
        (PRAISE | {"margin": 2}, ["t.margin", "less than or equal to 1"]),
        (PRAISE | {"to": "text_pair"}, ["t.to: text_pair is for the task text-pair, not for single-label"]),
        (MINIMUM | {"rows": 5}, ["t.rows: unknown key", "cases, fill, kind"]),
        ({"kind": "minimum", "cases": []}, ["t.cases", "at least 1"]),
        ({"kind": "minimum", "cases": [CASE | {"txt": "y"}]}, ["t.cases.0.txt: unknown key", "text_pair"]),
        ({"kind": "minimum", "cases": [CASE, CASE | {"label": "fine"}]}, ["t.cases.1.label: 'fine' is not among"]),
        ({"kind": "minimum", "cases": [{"text": "x"}]}, ["t.cases.0.label: missing"]),
        (
            {"kind": "minimum", "cases": [CASE | {"labels": ["good"]}]},
            ["t.cases.0.labels", "single-label expects label"],
        ),
        ({"kind": "minimum", "cases": [CASE | {"text_pair": "y"}]}, ["t.cases.0.text_pair: is for the task text-pair"]),
        (MINIMUM | {"fill": {"a": ["1"]}}, ["no case has {a}"]),
        (
            MINIMUM | {"cases": [CASE | {"text": "{a} {b}"}], "fill": {"a": ["1"]}},
            ["{b} in a case is not among fill (a)"],
        ),
        (
            MINIMUM | {"cases": [CASE | {"text": "{a} {b}"}], "fill": {"a": ["1"] * 40, "b": ["1"] * 26}},
            ["are 1,040, at most 1,000"],
        ),
        (MINIMUM | {"cases": [CASE | {"text": "я" * 20_000}]}, ["120,", "takes at most 65,536"]),
    ],
)
def test_what_is_wrong_is_refused_with_file_test_and_key(tmp_path: Path, test: Any, said: list[str]) -> None:
    message = refusal(tmp_path, {"t": test})
    assert all(part in message for part in said), message


@pytest.mark.parametrize(
    ("task", "test", "said"),
    [
        ("token-tags", PRAISE, "t.kind: direction is not for the task token-tags"),
        ("token-tags", TYPOS | {"change": "punctuation"}, "t.change: punctuation changes the number of words"),
        ("token-tags", TYPOS | {"of_label": "B-place"}, "t.of_label: rows of the task token-tags have no label"),
        (
            "token-tags",
            TYPOS | {"change": "swaps", "swaps": [["Rome", "New York"]]},
            "t.swaps: 'New York' is not one word",
        ),
        ("token-tags", MINIMUM, "t.cases.0.label: the task token-tags expects entities"),
        ("multi-label", MINIMUM, "t.cases.0.labels: missing"),
        (
            "multi-label",
            {"kind": "minimum", "cases": [{"text": "x", "labels": ["off"]}]},
            "'off' is not among data.labels",
        ),
        (
            "text-pair",
            {"kind": "minimum", "cases": [{"text": "x", "label": "differs"}]},
            "t.cases.0.text_pair: missing",
        ),
    ],
)
def test_a_test_that_is_not_for_the_task_is_refused(tmp_path: Path, task: str, test: Any, said: str) -> None:
    assert said in refusal(tmp_path, {"t": test}, task)


def test_entities_are_types_of_the_tags_and_words_of_the_text(tmp_path: Path) -> None:
    def tests(label: str, text: str) -> dict[str, Any]:
        return {"t": {"kind": "minimum", "cases": [{"text": "In Rome.", "entities": [{"label": label, "text": text}]}]}}

    assert read_behaviour(settings(tmp_path, tests("place", "Rome"), "token-tags"))
    assert "'B-place' is not among the entities" in refusal(tmp_path, tests("B-place", "Rome"), "token-tags")
    assert "'Oslo' is not in the text" in refusal(tmp_path, tests("place", "Oslo"), "token-tags")


def test_all_faults_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"a": TYPOS | {"rows": 0}, "b": PRAISE | {"label": "fine"}, "Not A Name": TYPOS})
    assert all(part in message for part in ("a.rows", "b.label", "Not A Name"))


@pytest.mark.parametrize("content", ["a: [", "- a list", "", "x"])
def test_a_file_that_holds_no_tests_is_named(tmp_path: Path, content: str) -> None:
    refusal(tmp_path, content)
    (tmp_path / "tests.yaml").unlink()
    with pytest.raises(TextgateError, match=r"tests\.yaml \(evaluation\.behaviour\) cannot be read: No such file"):
        read_behaviour(load(tmp_path / "config.yaml"))


def test_a_rule_of_the_gate_for_an_absent_test_is_refused(tmp_path: Path) -> None:
    def gate(metric: str) -> dict[str, Any]:
        return {"rules": {"mine": {"metric": metric, "at_most": 0.1}}}

    for metric in ("behaviour/x", "behaviour/*"):
        assert read_behaviour(settings(tmp_path, {"x": TYPOS}, gate=gate(metric)))
    with pytest.raises(TextgateError, match=r"gate\.rules\.mine asks for the behaviour test y, .* \(x\)"):
        read_behaviour(settings(tmp_path, {"x": TYPOS}, gate=gate("behaviour/y")))
    with pytest.raises(TextgateError, match="needs evaluation.behaviour"):
        read_behaviour(settings(tmp_path, {"x": TYPOS}, gate=gate("behaviour/y"), evaluation={}))


def test_config_check_reads_the_files_that_the_config_names(tmp_path: Path) -> None:
    def check(path: Path) -> str:
        result = CliRunner().invoke(cli, ["config", "check", str(path)])
        return str(result.exception) if result.exception else result.output

    assert "is valid" in check(write(tmp_path, {"x": TYPOS}))
    assert "x.count" in check(write(tmp_path, {"x": TYPOS | {"count": 0}}))
    (tmp_path / "suite.json").write_text(json.dumps([]))
    assert "suite.json" in check(write(tmp_path, {"x": TYPOS}, validation={"suite": "suite.json"}))
