"""Who is let in, by which credentials, and what is said where nobody is."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.pipelines.loopback_kfp import Fault, State

Typed = Callable[..., tuple[int, str, str]]


def test_token_is_taken_from_the_environment(submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeflow.needs = ("Authorization", "Bearer a-secret")
    status, _, err = submit()
    assert status == 1 and "HTTP 401" in err and "TEXTGATE_KFP_TOKEN" in err and not kubeflow.pipelines
    monkeypatch.setenv("TEXTGATE_KFP_TOKEN", "a-secret")
    status, out, err = submit()
    assert (status, err) == (0, "") and "a-secret" not in out


def test_host_that_is_not_there_is_named(submit: Typed) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        status, _, err = submit(at=nobody)
    assert status == 1 and nobody in err and "Connection refused" in err and "--host" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("at", ["kubeflow.example.com", "ftp://kubeflow"])
def test_host_must_be_a_url(submit: Typed, at: str) -> None:
    status, _, err = submit(at=at)
    assert status == 1 and at in err and "https://" in err


def test_server_of_another_kind_is_told_apart(submit: Typed, host: str) -> None:
    status, _, err = submit(at=f"{host}/elsewhere")
    assert status == 1 and "HTTP 404" in err and "Kubeflow Pipelines API" in err


def test_login_page_is_told_apart(submit: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault(".*", "page", times=100)]
    status, _, err = submit()
    assert status == 1 and "text/html" in err and "TEXTGATE_KFP_TOKEN" in err


def test_several_users_need_a_namespace(submit: Typed, kubeflow: State) -> None:
    kubeflow.multi_user = True
    status, _, err = submit()
    assert status == 1 and "--namespace" in err
    status, _, err = submit("--namespace", "team-a")
    assert (status, err) == (0, "")
    (pipeline,), (experiment,) = kubeflow.pipelines.values(), kubeflow.experiments.values()
    assert pipeline.namespace == experiment.namespace == "team-a"


def test_what_the_api_refuses_is_told_in_its_words(submit: Typed) -> None:
    status, _, err = submit("--namespace", "team-a")
    assert status == 1 and "In single-user mode, namespace should not be set" in err
