"""The model card: what it says of each task, that Markdown shows labels as they are, and that nothing else gets in."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from markdown_it import MarkdownIt

from components.base.settings import DataSchema, QuantizationSettings, QuantizeStep, TokenizationSettings
from components.base.tables import table_schema
from components.quantize.card import model_card
from components.validate.profile import build_profile

LABELS = ["bad", "good", "plain"]
AWKWARD = [
    "a|b",
    "`tick`",
    "<b>bold</b>",
    "*star*_under_",
    "[link](x)",
    "two\nlines",
    "# head",
    "``",
    "\\back",
    "a & b",
]
FIGURES = {
    "accuracy": 0.75,
    "accuracy_drop": -0.01,
    "accuracy_drop_interval": [-0.02, 0.0],
    "agreement": 0.98,
    "max_logit_difference": 0.25,
    "bytes": 23_600_000,
    "within_limits": True,
    "why": "",
}
SUMMARY: dict[str, Any] = {
    "chosen": "int8",
    "why": "the smallest within the limits, 23.6 MB",
    "metric": "accuracy",
    "rows": 2000,
    "temperature": 1.5,
    "abstain_below": 0.625,
    "candidates": {
        "float32": {**FIGURES, "accuracy_drop": 0.0, "accuracy_drop_interval": [0.0, 0.0], "bytes": 90_900_000},
        "int8": FIGURES,
        "mixed": {**FIGURES, "within_limits": False, "why": "loses 0.0200 accuracy, more than 0.01"},
    },
}
VERSIONS = {"onnxruntime": "1.25.1", "numpy": "2.2.6"}


def step(task: Any = "single-label", labels: list[str] = LABELS, **limits: Any) -> QuantizeStep:
    return QuantizeStep(
        name="tiny",
        data=DataSchema(task=task, labels=labels),
        tokenization=TokenizationSettings(max_length=24),
        limits=QuantizationSettings(**limits),
    )


def profile(**changes: Any) -> dict[str, Any]:
    lengths = [0] * 200
    lengths[60], lengths[100] = 90, 10
    known = {"rows": 1234, "labels": {"bad": 1000, "good": 234, "plain": 0}, "lengths": lengths}
    return {**known, "tokens": {"tokens": 1000, "unknown": 5}, **changes}


def card(settings: QuantizeStep | None = None, **changes: Any) -> str:
    given = profile(**changes.pop("profile", {}))
    return model_card(settings or step(), {**SUMMARY, **changes}, given, VERSIONS)


def shown(text: str) -> str:
    """What a reader sees of it, tags left out."""
    body = text.split("---\n", 2)[2]
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(body)
    return html.unescape(re.sub(r"<[^>]+>", " ", rendered))


def test_it_says_what_was_found() -> None:
    text = card()
    header = yaml.safe_load(text.split("---\n")[1])
    assert header == {
        "library_name": "onnx",
        "pipeline_tag": "text-classification",
        "tags": ["textgate", "onnx", "text-classification", "single-label", "int8"],
        "metrics": ["accuracy"],
    }
    for said in (
        "Classifies a text as one of `bad`, `good`, `plain`.",
        "Texts longer than 24 tokens keep their start.",
        "The train split has 1,234 rows, the figures below are from 2,000 rows of the validation split.",
        "The tokenizer does not know 0.50% of their tokens.",
        "| `bad` | 1,000 |\n| `good` | 234 |\n| `plain` | 0 |",
        "| **int8** | 0.7500 | -0.0100 [-0.0200, +0.0000] | 0.9800 | 0.2500 | 23.6 | yes |",
        "| 0.9800 | 0.2500 | 23.6 | no: loses 0.0200 accuracy, more than 0.01 |",
        "The model is **int8**: the smallest within the limits, 23.6 MB.",
        "divided by the temperature 1.5 before",
        "below 0.6250 is better withheld: of the others, at least 95% were right",
        "- numpy 2.2.6\n- onnxruntime 1.25.1\n",
    ):
        assert said in text


def test_the_lengths_are_those_of_the_texts(tmp_path: Path) -> None:
    texts = ["x" * 40] * 12 + ["y" * 200] * 8
    table = pa.table(
        {"id": [str(row) for row in range(20)], "text": texts, "label": LABELS[:2] * 10},
        table_schema(DataSchema(labels=LABELS)),
    )
    pq.write_table(table, tmp_path / "train.parquet")
    found = build_profile(tmp_path, DataSchema(labels=LABELS), None)
    said = re.search(r"at most ([0-9,]+) characters, 95% at most ([0-9,]+)\.", model_card(step(), SUMMARY, found, {}))
    assert said
    half, most = map(int, said.groups())
    assert 40 <= half <= 42 and 200 <= most <= 210
    assert "tokenizer does not know" not in model_card(step(), SUMMARY, found, {})
    assert "x" * 40 not in model_card(step(), SUMMARY, found, {})


def test_labels_are_shown_as_they_are() -> None:
    text = card(step(labels=AWKWARD), profile={"labels": dict.fromkeys(AWKWARD, 7)})
    words = shown(text)
    for label in AWKWARD:
        assert len(re.findall(rf"(?<!\\){re.escape(' '.join(label.split()))}", words)) >= 2
    assert "a\\|b" not in words
    for line in (line for line in text.splitlines() if line.startswith("| `")):
        cells = MarkdownIt("commonmark").enable("table").render(f"| a | b |\n|---|---|\n{line}\n")
        assert cells.count("<td>") == 2
        assert "<td>7</td>" in cells


def test_many_labels_stand_in_the_table_alone() -> None:
    labels = [f"intent_{number}" for number in range(77)]
    text = card(step(labels=labels), profile={"labels": dict.fromkeys(labels, 7) | {"(other labels)": 3}})
    assert "one of 77 labels, which stand below." in text
    assert [text.count(f"`{label}`") for label in labels] == [1] * 77
    assert "Labels that the model does not have: 3." in text


def test_several_labels_have_their_thresholds() -> None:
    metric = {"micro_f1": 0.5, "micro_f1_drop": 0.125, "micro_f1_drop_interval": [0.1, 0.15]}
    candidates = {"float32": {**SUMMARY["candidates"]["float32"], **metric}}
    changes = {"metric": "micro_f1", "candidates": candidates, "chosen": "float32", "abstain_below": 0.0}
    text = card(step("multi-label"), thresholds=[0.5, 0.25, 0.75], **changes)
    assert "Gives a text any number of `bad`, `good`, `plain`." in text
    assert "| `good` | 234 | 0.2500 |" in text
    assert "| candidate | micro F1 | micro F1 lost [95% interval] |" in text
    assert "| **float32** | 0.5000 | +0.1250 [+0.1000, +0.1500] |" in text
    assert "No probability was fitted" in text
    assert "Whatever is asked gets one of the labels" not in text


def test_tags_are_shown_with_the_entities_that_they_make() -> None:
    tags = ["O", "B-place", "I-place", "B-person"]
    text = card(step("token-tags", tags), profile={"labels": dict.fromkeys(tags, 7)})
    assert "Finds in a text `place`, `person`." in text
    assert "| label | words in the train split |" in text
    assert "pipeline_tag: token-classification" in text


@pytest.mark.parametrize(
    ("below", "precision", "said"),
    [
        (0.0, 0.95, "No answer needs to be withheld: at least 95%"),
        (1.0, 0.95, "no probability from which on 95%"),
        (0.0, 0.0, "No probability was fitted"),
    ],
)
def test_what_is_better_withheld(below: float, precision: float, said: str) -> None:
    assert said in card(step(abstain_precision=precision), abstain_below=below)


def test_the_layers_that_stay_float_are_named_where_any_do() -> None:
    layers = [{"layer": "/bert/a_b/MatMul", "error": 1.0, "float": True}, {"layer": "c", "error": 0.1, "float": False}]
    assert "Layers that stay float32: `/bert/a_b/MatMul`." in card(chosen="mixed", sensitivity=layers)
    assert "Layers that stay" not in card(sensitivity=layers)


def test_a_why_is_no_markdown() -> None:
    text = card(why="a_b*c* <i>d</i> | [e](f) `g`")
    assert "a_b*c* <i>d</i> | [e](f) `g`" in shown(text)
