"""What a person reads, and that no text of a run becomes markup."""

from __future__ import annotations

from typing import Any

import pytest

from components.close.slack import LONGEST, message

FACTS: dict[str, Any] = {
    "model": "tiny", "run": "tiny-1", "job_id": "job-1", "outcome": "succeeded", "verdict": "registered",
    "summary": "all rules hold", "version": "7", "failed_step": "", "failure": "",
    "metrics": {"accuracy": 0.745, "macro_f1": 0.7119},
    "links": {"mlflow": "https://mlflow.example/#/experiments/1/runs/2", "kubeflow": "https://kf.example/?a=1&b=<2>|3"},
}  # fmt: skip
HOSTILE = "<!channel> @channel @here <@U0451> & `code` ``` ![](http://else.example) <http://else.example|click>"


def text(**changes: Any) -> str:
    return message({**FACTS, **changes})["text"]


def test_a_run_that_registered_a_version() -> None:
    assert text() == (
        ":white_check_mark: *tiny*: succeeded (registered, version 7)\n"
        "run tiny-1\n"
        "accuracy 0.745, macro F1 0.712\n"
        "```\nall rules hold\n```\n"
        "<https://mlflow.example/#/experiments/1/runs/2|MLflow run>\n"
        "<https://kf.example/?a=1&amp;b=%3C2%3E%7C3|Kubeflow run>"
    )


def test_a_step_that_failed() -> None:
    failed = {"outcome": "failed", "failed_step": "finetune", "failure": "no space"}
    shown = text(**failed, verdict="", version="", links={}, metrics={})
    assert shown == ":x: *tiny*: failed\nrun tiny-1\nstep finetune failed\n```\nno space\n```"


def test_a_run_of_which_nothing_is_known() -> None:
    empty = {"verdict": "", "version": "", "summary": "", "metrics": {}, "links": {}}
    assert text(outcome="canceled", **empty) == ":stop_button: *tiny*: canceled\nrun tiny-1"


@pytest.mark.parametrize("key", ["failure", "summary", "run", "version", "failed_step", "verdict"])
def test_no_text_mentions_people_or_becomes_markup(key: str) -> None:
    shown = text(**{**{"failure": "", "links": {}}, key: HOSTILE})
    assert "<" not in shown and ">" not in shown
    assert "@channel" not in shown and "@here" not in shown and "@U0451" not in shown
    assert shown.count("`") == 6, "the block's own marks alone"
    assert "&lt;!\u200b" in shown or "&lt;!channel&gt;" in shown


@pytest.mark.parametrize("filler", ["x", "<", "&@", "é", "\n"])
def test_at_most_3000_characters_are_sent(filler: str) -> None:
    shown = text(failure=f"a{filler * 5000}z", run="r" * 4000, links={"mlflow": f"https://m.example/{'p' * 200}"})
    assert len(shown) <= LONGEST
    assert "…\n```" in shown and "|MLflow run>" in shown, "the block is closed, and the link whole"
    block = shown.split("```")[1]
    assert block.count("&") == block.count(";"), "nothing is cut in the middle of an escape"
