from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.settings import (
    GateStep,
    Settings,
    from_json,
    load,
    load_again,
    load_rules,
    read_bench,
    read_suite,
    step_sections,
)
from tests.components.base.configs import write
from tests.components.gate.made import BENCH

RULE = {"metric": "accuracy", "at_least": 0.7, "severity": "error"}
KSERVE = {"target": "kserve", "kserve": {"namespace": "models", "image": "textgate/serve"}}


def test_the_default_config_is_valid() -> None:
    assert load(Path("configs/brand-sentiment.yaml")).name == "brand-sentiment"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainin": {}}, ["trainin: unknown key", "training"]),
        ({"training": {"learning_rat": 0.1}}, ["training.learning_rat: unknown key", "learning_rate"]),
        ({"training": {"epochs": "two"}}, ["training.epochs", "integer", "'two'"]),
        ({"training": {"learning_rate": 7}}, ["training.learning_rate", "less than 1", "7"]),
        ({"training": {"bucket_lengths": [32, 16]}}, ["training", "grow"]),
        ({"training": {"bucket_lengths": [16]}}, ["max_length 64", "16"]),
        ({"quantization": {"candidates": ["int8"]}}, ["quantization", "float32"]),
        ({"quantization": {"candidates": ["int4", "float32"]}}, ["quantization.candidates.0", "'int8'", "'int4'"]),
        ({"gate": {"min_accuracy": 0.5}}, ["gate.min_accuracy: unknown key", "bench, rules, unusable_champion"]),
        ({"gate": {"unusable_champion": "ignore"}}, ["gate.unusable_champion", "'refuse' or 'warn'", "'ignore'"]),
        ({"gate": {"rules": ["accuracy"]}}, ["gate.rules", "dictionary"]),
        ({"gate": {"rules": {"": {"metric": "accuracy", "at_least": 0.5}}}}, ["gate.rules", "at least 1 character"]),
        ({"gate": {"rules": {"accuracy": {"at_least": 85}}}}, ["accuracy is never above 1", "85 as a share"]),
        ({"deploy": {"mode": "auto"}}, ["deploy.mode auto needs promote.mode auto"]),
        ({"deploy": {"target": "gke"}}, ["deploy.target", "'local' or 'kserve'", "'gke'"]),
        ({"deploy": {"target": "kserve"}}, ["target kserve needs deploy.kserve.namespace"]),
        ({"deploy": {"target": "kserve", "kserve": {"namespace": "a"}}}, ["needs deploy.kserve.image"]),
        ({"deploy": {"kserve": {"min_replicas": 4}}}, ["max_replicas 3 is below min_replicas 4"]),
        (
            {"deploy": {"kserve": {"min_replicas": 0, "deployment_mode": "standard"}}},
            ["min_replicas 0 needs deployment_mode serverless"],
        ),
        ({"deploy": {"kserve": {"requests": {"cpu": "2500m"}}}}, ["requests.cpu 2500m is above limits.cpu 2"]),
        ({"deploy": {"kserve": {"requests": {"memory": "2G"}}}}, ["requests.memory 2G is above limits.memory 1Gi"]),
        ({"deploy": {"kserve": {"limits": {"memory": "1 GB"}}}}, ["deploy.kserve.limits.memory", "'1 GB'"]),
        ({"deploy": {"kserve": {"storage": "copies"}}}, ["storage copies is not on S3", "s3://bucket/prefix"]),
        ({"deploy": {"kserve": {"namespace": "My Team"}}}, ["deploy.kserve.namespace", "'My Team'"]),
        ({"deploy": {"kserve": {"annotations": {"textgate.version": "9"}}}}, ["textgate.version", "own to set"]),
        ({"deploy": {"kserve": {"canary": {"steps": [50, 10]}}}}, ["deploy.kserve.canary: steps must rise"]),
        ({"deploy": {"kserve": {"canary": {"steps": [100]}}}}, ["deploy.kserve.canary.steps.0", "less than or equal"]),
        ({"deploy": {"kserve": {"canary": {"prometheus": "prom:9090"}}}}, ["prometheus must begin with http://"]),
        ({"name": "3d", "deploy": KSERVE}, ["name 3d cannot be that of an InferenceService"]),
        ({"name": "a" * 40, "deploy": KSERVE}, ["at most 39 characters"]),
        ({"deploy": KSERVE, "serve": {"log": {"folder": "/var/log"}}}, ["serve.log.folder", "below /tmp"]),
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


AGAINST = {"against": "champion", "test": "superior"}
FLOOR = {"at_least": 0.5}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "f1", **FLOOR}, "metric f1 is not known for such a rule; known are accuracy,"),
        ({"metric": "top_x_accuracy", **FLOOR}, "metric top_x_accuracy is not known"),
        ({"metric": "behaviour/", **FLOOR}, "metric behaviour/ is not known"),
        ({"metric": "accuracy", "label": "a", **FLOOR}, "known are precision, recall, f1"),
        ({"metric": "matthews", "slice": "x", **FLOOR}, "known are accuracy, macro_f1, micro_f1"),
        ({"metric": "p95_ms", **AGAINST}, "metric p95_ms is not known"),
        ({"metric": "precision", "label": "a", **AGAINST}, "known are recall"),
        ({"metric": "behaviour/x", "slice": "x", **FLOOR}, "metric behaviour/x is not known"),
        ({"metric": "accuracy"}, "one of at_least, at_most, and against with test"),
        ({"metric": "accuracy", "at_least": 0.5, "at_most": 0.6}, "one of at_least, at_most"),
        ({"metric": "accuracy", **FLOOR, **AGAINST}, "one of at_least, at_most"),
        ({"metric": "accuracy", "against": "champion"}, "against and test go together"),
        ({"metric": "accuracy", "test": "superior"}, "against and test go together"),
        ({"metric": "recall", "label": "a", "slice": "x", **FLOOR}, "for a label or for a slice, not for both"),
        ({"metric": "accuracy", "margin": 0.1, **AGAINST}, "margin goes with the tests"),
        ({"metric": "accuracy", "slice": "*", "against": "float", "test": "not_worse"}, "with the champion only"),
        ({"metric": "size_mb", "at_most": 5, "by": "interval"}, "size_mb is one number"),
        ({"metric": "accuracy", "by": "interval", **AGAINST}, "a test looks at the interval by itself"),
        ({"metric": "hamming_loss", "at_most": 0.5}, "hamming_loss is not for the task single-label"),
        ({"metric": "top_7_accuracy", **FLOOR}, "needs 7 among evaluation.top_k (3, 5)"),
        ({"metric": "behaviour/typos", "at_most": 0.5}, "needs evaluation.behaviour"),
        ({"metric": "out_of_scope_auc", **FLOOR}, "needs evaluation.out_of_scope"),
        ({"metric": "recall", "label": "z", **FLOOR}, "the label z is not among data.labels"),
        ({"metric": "accuracy", "severity": "fatal", **FLOOR}, "'error', 'warn' or 'off'"),
    ],
)
def test_a_rule_that_nothing_can_answer_is_refused_by_name(tmp_path: Path, rule: dict[str, Any], said: str) -> None:
    with pytest.raises(TextgateError) as refused:
        load(write(tmp_path, gate={"rules": {"mine": rule}}))
    assert said in str(refused.value) and "gate.rules.mine" in str(refused.value), str(refused.value)


@pytest.mark.parametrize(
    ("task", "metric"),
    [("single-label", "accuracy"), ("text-pair", "accuracy"), ("multi-label", "micro_f1"), ("token-tags", "micro_f1")],
)
def test_every_task_has_rules_of_its_own(tmp_path: Path, task: str, metric: str) -> None:
    gate = load(write(tmp_path, data={"labels": ["a", "b"], "task": task})).gate
    assert gate.rules["champion"].model_dump(exclude_defaults=True) == {"metric": metric, **AGAINST}
    assert gate.rules[metric].at_least and gate.rules["champion_slices"].metric == metric
    assert load(write(tmp_path, data={"labels": ["a", "b"], "task": task}, gate=None)).gate == gate


def test_a_rule_changes_the_default_one_of_its_name_in_part(tmp_path: Path) -> None:
    given = {
        "accuracy": {"at_least": 0.7},
        "latency": {"metric": "size_mb", "at_most": 30},
        "champion": {"test": "non_inferior", "margin": 0.01},
        "champion_slices": {"severity": "off"},
        "macro_f1": {"against": "champion", "test": "superior"},
        "linear": {"at_least": 0.6},
        "mine": {"metric": "recall", "label": "*", "at_least": 0.2, "severity": "warn"},
    }
    rules = load(write(tmp_path, gate={"rules": given})).gate.rules
    found = {name: rules[name].model_dump(exclude_defaults=True) for name in given}
    assert found == {
        "accuracy": {"metric": "accuracy", "at_least": 0.7},
        "latency": {"metric": "size_mb", "at_most": 30},
        "champion": {"metric": "accuracy", "against": "champion", "test": "non_inferior", "margin": 0.01},
        "champion_slices": {
            "metric": "accuracy",
            "slice": "*",
            "against": "champion",
            "test": "not_worse",
            "severity": "off",
        },
        "macro_f1": {"metric": "macro_f1", "against": "champion", "test": "superior"},
        "linear": {"metric": "accuracy", "at_least": 0.6, "severity": "warn"},
        "mine": given["mine"],
    }
    assert rules["agreement"].at_least == 0.95


def test_settings_that_are_written_and_read_again_are_the_same(tmp_path: Path) -> None:
    settings = load(write(tmp_path, gate={"rules": {"accuracy": {"at_least": 0.7}, "linear": {"severity": "off"}}}))
    assert Settings.model_validate(settings.model_dump()) == settings


def test_what_is_off_may_ask_for_anything(tmp_path: Path) -> None:
    rule = {"metric": "out_of_scope_auc", "at_least": 0.5, "severity": "off"}
    assert load(write(tmp_path, gate={"rules": {"mine": rule}})).gate.rules["mine"].severity == "off"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"- a list", b"a: [", b""])
def test_a_file_that_is_no_config_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(TextgateError, match=r"config\.yaml"):
        load(tmp_path / "config.yaml")
    with pytest.raises(TextgateError, match=r"absent\.yaml does not exist"):
        load(tmp_path / "absent.yaml")


def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + "gate: {}\nserve:\n  port: 8081\n  port: 8082\n")
    with pytest.raises(TextgateError, match=r"the key port stands twice, in lines \d+ and \d+"):
        load(path)
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  a: {metric: accuracy, at_least: 0.1}\n  a: {metric: accuracy, at_least: 0.9}\n")
    with pytest.raises(TextgateError, match="the key a stands twice, in lines 2 and 3"):
        load_rules(rules, "single-label")


def test_words_that_yaml_takes_for_values_are_to_be_quoted(tmp_path: Path) -> None:
    path = write(tmp_path, data={"labels": [False, "yes"]})
    with pytest.raises(TextgateError, match=r"data\.labels\.0: .*\(value False\); put it in quotes"):
        load(path)


def test_keys_that_yaml_takes_for_values_are_words(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + "notify: {kind: json, on: [refused]}\ncluster: {env: {yes: y, N: z}}\n")
    settings = load(path)
    assert settings.notify.on == ["refused"]
    assert settings.cluster.env == {"yes": "y", "N": "z"}
    assert load(path, ["notify={kind: json, on: [failed]}"]).notify.on == ["failed"]


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
    before = step_sections(load(write(tmp_path)), [], {})
    after = step_sections(load(write(tmp_path, gate={"rules": {"accuracy": {"at_least": 0.7}}})), [], {})
    assert [step for step in before if before[step] != after[step]] == ["gate"]
    assert json.loads(after["gate"])["options"]["rules"]["accuracy"]["at_least"] == 0.7


def test_the_content_of_a_bench_is_part_of_the_gates_section_and_its_place_is_not(tmp_path: Path) -> None:
    def sections(name: str, content: Any) -> dict[str, str]:
        (tmp_path / name).write_text(json.dumps(content))
        settings = load(write(tmp_path, gate={"bench": name}))
        return step_sections(settings, [], {}, read_bench(settings.gate))

    before, elsewhere = sections("bench.json", BENCH), sections("other.json", BENCH)
    assert before == elsewhere
    faster = {**BENCH, "models": {"bundle": {**BENCH["models"]["bundle"], "p50_ms": 1.5}}}
    after = sections("bench.json", faster)
    assert [step for step in before if before[step] != after[step]] == ["gate"]
    bench = from_json(GateStep, after["gate"]).bench
    assert bench and (bench.digest, bench.p50_ms, bench.lacks) == ("mine", 1.5, ["VNNI", "AMX"])
    assert read_bench(load(write(tmp_path)).gate) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        json.dumps({**BENCH, "models": {}}),
        json.dumps({**BENCH, "processor": "One"}),
        json.dumps({**BENCH, "models": {"bundle": {**BENCH["models"]["bundle"], "p50_ms": float("nan")}}}),
    ],
)
def test_a_bench_that_is_none_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "bench.json").write_text(content)
    with pytest.raises(TextgateError, match=r"the bench .*bench\.json \(gate\.bench\) (cannot be read|is not what)"):
        read_bench(load(write(tmp_path, gate={"bench": "bench.json"})).gate)


def test_settings_of_an_earlier_run_can_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(write(tmp_path, data={"labels": ["a", "b"], "remotes": ["cache"]}, gate={"rules": {"linear": RULE}}))
    (tmp_path / "settings.json").write_text(before.model_dump_json())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_again(tmp_path / "settings.json", []) == before
    after = load_again(tmp_path / "settings.json", ["gate.bench=bench.json", "gate.rules.linear.severity=warn"])
    assert (after.gate.bench, after.gate.rules["linear"].severity) == (str(elsewhere / "bench.json"), "warn")
    assert (after.data, after.gate.rules["accuracy"]) == (before.data, before.gate.rules["accuracy"])
    with pytest.raises(TextgateError, match=r"gate\.bnch: unknown key"):
        load_again(tmp_path / "settings.json", ["gate.bnch=x"])


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
