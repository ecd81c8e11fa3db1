from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.base.errors import TextgateError
from components.base.settings import load, read_suite, step_sections

CONFIG: dict[str, Any] = {
    "name": "tiny",
    "data": {"labels": ["a", "b"]},
    "base_model": {"reference": "package://some/model"},
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, **changes}))
    return path


def test_the_default_config_is_valid() -> None:
    assert load(Path("configs/brand-sentiment.yaml")).name == "brand-sentiment"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainin": {}}, ["trainin: unknown key", "training"]),
        ({"training": {"learning_rat": 0.1}}, ["training.learning_rat: unknown key", "0.1", "learning_rate"]),
        ({"training": {"epochs": "two"}}, ["training.epochs", "integer", "'two'"]),
        ({"training": {"learning_rate": 7}}, ["training.learning_rate", "less than 1", "7"]),
        ({"training": {"bucket_lengths": [32, 16]}}, ["training", "grow"]),
        ({"training": {"bucket_lengths": [16]}}, ["max_length 64", "16"]),
        ({"quantization": {"candidates": ["int8"]}}, ["quantization", "float32"]),
        ({"quantization": {"candidates": ["int4", "float32"]}}, ["quantization.candidates.0", "'int8'", "'int4'"]),
        ({"gate": {"metric": "f1"}}, ["gate.metric", "'macro_f1' or 'micro_f1'", "'f1'"]),
        ({"gate": {"metric": "micro_f1"}}, ["not for the task single-label", "use accuracy"]),
        ({"gate": {"min_micro_f1": 0.5}}, ["gate.min_micro_f1", "use accuracy and min_accuracy"]),
        ({"deploy": {"mode": "auto"}}, ["deploy.mode auto needs promote.mode auto"]),
        (
            {"base_model": {"reference": "a", "warm_start": "champion"}, "promote": {"keep_checkpoint": False}},
            ["base_model.warm_start champion needs promote.keep_checkpoint true"],
        ),
        ({"model": {"architecture": "rnn"}}, ["model.architecture", "'text-cnn'", "'rnn'"]),
        ({"model": {"architecture": "bilstm", "lora_rank": 4}}, ["lora_rank is for the architecture encoder"]),
        ({"model": {"architecture": "linear"}, "training": {"frozen_layers": 2}}, ["frozen_layers", "not for linear"]),
        (
            {"model": {"architecture": "bilstm"}, "base_model": {"reference": "a", "warm_start": "champion"}},
            ["base_model.warm_start is for the architecture encoder"],
        ),
        ({"model": {"lora_rank": 4}, "training": {"embeddings": "frozen"}}, ["model.lora_rank freezes"]),
        ({"training": {"batch_size": "big"}}, ["training.batch_size", "'auto'", "'big'"]),
        ({"data": {"labels": ["a", "a"]}}, ["labels must differ"]),
        ({"data": {"labels": ["a", "b"], "columns": {"id": "text"}}}, ["columns must differ"]),
        ({"data": {"labels": ["a", "b"], "task": "tags"}}, ["data.task", "'token-tags'", "'tags'"]),
        ({"data": {"labels": ["a", "b"], "source": {"split": {"by": "hash"}}}}, ["data.source.split.by", "'share'"]),
        ({"data": {"labels": ["a", "b"], "source": {"split": {"shares": {"train": 1}}}}}, ["shares must name train"]),
        ({"validation": {"rules": {"leaks": "error"}}}, ["validation.rules", "'leakage'", "'leaks'"]),
        ({"validation": {"rules": {"leakage": "fatal"}}}, ["validation.rules.leakage", "'warn'", "'fatal'"]),
        ({"tokenization": {"overlap": 40}}, ["overlap 40", "half of max_length 64"]),
        ({"s3": {"secret_key": "x"}}, ["s3.secret_key: unknown key", "endpoint"]),
        ({"name": "Not A Name"}, ["name", "'Not A Name'"]),
    ],
)
def test_what_is_wrong_is_refused_with_key_value_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(TextgateError) as refused:
        load(write(tmp_path, **changes))
    assert all(part in str(refused.value) for part in ["config.yaml", *said]), str(refused.value)


@pytest.mark.parametrize("task", ["multi-label", "token-tags"])
def test_micro_f1_is_for_several_labels_and_tags(tmp_path: Path, task: str) -> None:
    data = {"labels": ["a", "b"], "task": task}
    gate = load(write(tmp_path, data=data, gate={"metric": "micro_f1", "min_micro_f1": 0.4})).gate
    assert (gate.metric, gate.min_micro_f1) == ("micro_f1", 0.4)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"- a list", b"a: [", b""])
def test_a_file_that_is_no_config_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(TextgateError, match=r"config\.yaml"):
        load(tmp_path / "config.yaml")
    with pytest.raises(TextgateError, match=r"absent\.yaml does not exist"):
        load(tmp_path / "absent.yaml")


def test_overrides_are_checked_like_the_file(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert load(path, ["training.seed=7", "promote.mode=auto"]).training.seed == 7
    with pytest.raises(TextgateError, match=r"training\.sed: unknown key"):
        load(path, ["training.sed=7"])
    with pytest.raises(TextgateError, match="not YAML"):
        load(path, ["data.remotes=[s3://bucket"])
    with pytest.raises(TextgateError, match="section.key=value"):
        load(path, ["training.seed"])


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(write(tmp_path, data={"labels": ["a", "b"], "remotes": ["cache", "s3://bucket/prefix"]}))
    assert settings.data.remotes == [str(tmp_path / "cache"), "s3://bucket/prefix"]
    assert settings.data.version == str(tmp_path / "data.dvc")
    assert settings.base_model.reference == "package://some/model"
    assert settings.promote.log == ""


def test_a_changed_gate_rule_changes_the_gates_section_alone(tmp_path: Path) -> None:
    before = step_sections(load(write(tmp_path)), [])
    after = step_sections(load(write(tmp_path, gate={"min_accuracy": 0.7})), [])
    assert [step for step in before if before[step] != after[step]] == ["gate"]
    assert json.loads(after["gate"])["min_accuracy"] == 0.7


def test_a_pair_or_tags_cannot_be_cut_in_the_middle(tmp_path: Path) -> None:
    data = {"labels": ["O", "B-x"], "task": "token-tags"}
    with pytest.raises(TextgateError, match="truncation chunk is not for the task token-tags; use head or tail"):
        load(write(tmp_path, data=data, tokenization={"truncation": "chunk"}))


def test_a_suite_is_read_from_its_file(tmp_path: Path) -> None:
    content = {"name": "mine", "expectations": [{"type": "expect_x", "kwargs": {"a": 1}, "id": "7"}]}
    (tmp_path / "suite.json").write_text(json.dumps(content))
    (found,) = read_suite(load(write(tmp_path, validation={"suite": "suite.json"})))
    assert (found.type, found.kwargs, found.meta) == ("expect_x", {"a": 1}, {})


@pytest.mark.parametrize("content", [None, "{", "[]", '{"expectations": [{"kwargs": {}}]}', '{"expectations": [7]}'])
def test_a_suite_that_is_none_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "suite.json").write_text(content)
    with pytest.raises(TextgateError, match=r"suite\.json \(validation\.suite\)"):
        read_suite(load(write(tmp_path, validation={"suite": "suite.json"})))


def test_a_kept_column_for_slices_cannot_have_the_name_of_another_role(tmp_path: Path) -> None:
    columns = {"text": "body", "keep": ["text", "shop"]}
    for slices in ({"columns": ["text"]}, {"rules": {"mine": {"column": "text", "values": ["x"]}}}):
        changes = {"data": {"labels": ["a", "b"], "columns": columns}, "evaluation": {"slices": slices}}
        with pytest.raises(TextgateError, match=r"text cannot be told from data\.columns\.text, which is body here"):
            load(write(tmp_path, **changes))
    load(write(tmp_path, data=changes["data"], evaluation={"slices": {"columns": ["shop"]}}))
