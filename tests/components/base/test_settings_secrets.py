"""Secrets have no place in a config; where one stands by mistake, no message shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.settings import load
from tests.components.base.configs import write


@pytest.mark.parametrize(
    "address", ["https://ann:hunter2@host", "https://hunter2@host", "ann:hunter2@host", "ftp://a:hunter2@h"]
)
@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("s3.endpoint", "AWS_SECRET_ACCESS_KEY"),
        ("cluster.host", "cluster.auth"),
        ("notify.mlflow", "goes into messages"),
        ("notify.kubeflow", "goes into messages"),
        ("deploy.kserve.canary.prometheus", "TEXTGATE_PROMETHEUS_TOKEN"),
        ("deploy.kserve.canary.url", "TEXTGATE_PROMETHEUS_TOKEN"),
    ],
)
def test_a_credential_in_an_address_is_refused_and_not_shown(
    tmp_path: Path, key: str, instead: str, address: str
) -> None:
    with pytest.raises(
        TextgateError, match=f"{key.rpartition('.')[2]} must hold no credentials; .*{instead}"
    ) as refused:
        load(write(tmp_path), [f"{key}={address}"])
    assert "hunter2" not in str(refused.value)


def test_an_address_with_an_at_sign_in_its_path_is_none_with_a_credential(tmp_path: Path) -> None:
    assert load(write(tmp_path), ["s3.endpoint=http://host/@here"]).s3.endpoint == "http://host/@here"


def test_a_secret_under_a_key_that_does_not_exist_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(TextgateError, match=r"notify\.url: unknown key; allowed here: key, kind") as refused:
        load(write(tmp_path, notify={"kind": "slack", "url": "https://hooks.example.com/hunter2"}))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"notify": {"secret": "https://hooks.example.com/hunter2"}},
        {"cluster": {"env": {"PIN": 46173}}},
        {"cluster": {"auth": "hunter2"}},
        {"cluster": {"secrets": [{"name": "store", "env": "hunter2"}]}},
        {"cluster": {"secrets": ["hunter2"]}},
    ],
)
def test_what_stands_where_secrets_are_named_is_not_shown(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(TextgateError, match=r"is not valid:\n  (notify|cluster)\.") as refused:
        load(write(tmp_path, **changes))
    assert "hunter2" not in str(refused.value) and "46173" not in str(refused.value)
