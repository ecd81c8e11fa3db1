from __future__ import annotations

from typing import Any

import pytest

from components.base.settings import NotifySettings, NotifyStep, Settings, from_json, step_sections


def settings(**notify: Any) -> Settings:
    raw = {"name": "tiny", "data": {"remotes": ["/x"], "labels": ["a", "b"]}, "base_model": {"reference": "/x"}}
    return Settings.model_validate({**raw, "notify": notify})


def test_the_step_gets_all_but_where_the_secret_lies() -> None:
    given = {"kind": "slack", "on": ["failed"], "mlflow": "https://ml.example", "timeout_s": 3}
    section = step_sections(settings(**given, secret="hooks", key="slack-url"), [], {})["close"]
    assert from_json(NotifyStep, section).model_dump() == {**given, "kubeflow": "", "timeout_s": 3.0}
    assert "hooks" not in section


@pytest.mark.parametrize(
    ("host", "named", "pages"),
    [
        ("https://kf.example/pipeline", "", "https://kf.example/pipeline"),
        ("https://kf.example/pipeline", "https://pages.example", "https://pages.example"),
        ("http://localhost:8080", "https://pages.example", "https://pages.example"),
        ("http://localhost:8080", "", ""),
        ("http://127.0.0.1:8080", "", ""),
        ("", "", ""),
    ],
)
def test_the_page_of_a_run_is_where_it_was_submitted_unless_another_is_named(host: str, named: str, pages: str) -> None:
    raw = settings(kind="json", kubeflow=named).model_dump()
    given = Settings.model_validate({**raw, "cluster": {"host": host}})
    assert from_json(NotifyStep, step_sections(given, [], {})["close"]).kubeflow == pages


def test_nobody_is_told_unless_asked() -> None:
    assert from_json(NotifyStep, step_sections(settings(), [], {})["close"]) == NotifyStep()
    assert NotifySettings().kind == "none"


@pytest.mark.parametrize("key", ["mlflow", "kubeflow"])
@pytest.mark.parametrize("value", ["ml.example", "ftp://ml.example", "https://me:hush@ml.example", "javascript:x"])
def test_a_link_is_a_page_without_credentials(key: str, value: str) -> None:
    with pytest.raises(ValueError, match=key) as refused:
        NotifySettings.model_validate({key: value})
    assert "hush" not in str([error["msg"] for error in refused.value.errors()])  # type: ignore[attr-defined]


def test_a_change_of_it_runs_no_other_step_again() -> None:
    before, after = (step_sections(settings(**given), [], {}) for given in ({}, {"kind": "json"}))
    assert [step for step in before if before[step] != after[step]] == ["close"]
