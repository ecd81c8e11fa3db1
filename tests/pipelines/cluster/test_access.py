"""Who is let in, by which credentials, and what is said where nobody is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import kfp
import pytest

from components.base.errors import TextgateError
from components.base.settings import load
from pipelines.cluster import Cluster
from pipelines.cluster.runs import list_runs
from tests.certificates import Authority
from tests.pipelines.loopback_kfp import Fault, State, loopback

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


@pytest.mark.parametrize("at", ["http://127.0.0.1:99999", "http://127.0.0.1:0", "http://127.0.0.1:x", "http://[::1"])
def test_an_address_that_can_be_none_is_refused(typed: Typed, at: str) -> None:
    status, _, err = typed("runs", "--host", at)
    assert status == 1 and "--host takes a URL" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("end", ["/#/runs", "#", "?", "/?ns=team#/experiments"])
def test_an_address_as_a_browser_shows_it_is_refused(typed: Typed, host: str, kubeflow: State, end: str) -> None:
    status, _, err = typed("runs", "--host", f"{host}{end}")
    assert status == 1 and "--host takes the API's address without" in err and f"perhaps {host}" in err
    assert len(err.splitlines()) == 1 and not kubeflow.requests


@pytest.mark.parametrize("at", ["http://a..b", f"http://{'a' * 70}.example", "http://a b"])
def test_a_name_that_can_be_none_is_told_at_once(typed: Typed, at: str) -> None:
    status, _, err = typed("runs", "--host", at)
    assert status == 1 and "check --host" in err and len(err.splitlines()) == 1


def test_plain_http_is_told_apart_from_a_certificate(typed: Typed, host: str) -> None:
    status, _, err = typed("runs", "--host", host.replace("http:", "https:"))
    assert status == 1 and "speaks no TLS there" in err and "http://" in err and "certificate" not in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("answer", ["[1,2]", '"x"', '{"status": "ok"}', '{"multi_user": [', "[]"])
def test_json_of_another_server_is_told_apart(at_host: Typed, kubeflow: State, answer: str) -> None:
    kubeflow.faults = [Fault(".*", answer, times=100)]
    for command in (["runs"], ["schedule", "list"], ["pipelines", "list"], ["watch", "some"]):
        status, out, err = at_host(*command)
        assert (status, out) == (1, "") and "this host is no Kubeflow Pipelines API" in err
        assert len(err.splitlines()) == 1


def test_a_health_of_other_fields_is_one(at_host: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault("GET /healthz", '{"tag_name": "2.17.0", "commit_sha": "0123"}')]
    assert at_host("runs")[:2] == (0, "there are none\n")


RUN = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("where", "answer", "command"),
    [
        *(
            ("GET /runs", answer, ["runs"])
            for answer in (
                '{"runs": 5}',
                '{"runs": ["x"]}',
                '{"runs": {"a": 1}}',
                '{"runs": [{}]}',
                '{"runs": [{"run_id": "x", "created_at": "never"}]}',
                '{"runs": [{"run_id": "x", "created_at": 5}]}',
                '{"runs": [{"run_id": "x", "run_details": [1]}]}',
                '{"runs": [{"run_id": "x", "state": "NOT_A_STATE"}], "total_size": "many"}',
                '{"runs": ',
            )
        ),
        ("GET /recurringruns", '{"recurringRuns": [{}]}', ["schedule", "list"]),
        ("GET /pipelines", '{"pipelines": [7]}', ["pipelines", "list"]),
        *(
            ("GET /runs/", answer, [verb, RUN])
            for answer in ("[]", "{}")
            for verb in ("watch", "cancel", "retry", "logs")
        ),
    ],
)
def test_an_answer_that_no_model_fits_is_told_apart(
    at_host: Typed, kubeflow: State, where: str, answer: str, command: list[str]
) -> None:
    kubeflow.faults = [Fault(where, answer, times=100)]
    status, out, err = at_host(*command)
    assert (status, out) == (1, "") and "this host is no Kubeflow Pipelines API" in err
    assert len(err.splitlines()) == 1


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


def test_cookie_is_taken_from_the_environment(submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeflow.needs = ("Cookie", "session=s3cret")
    by_cookie = ("--set", "cluster.auth.kind=cookie")
    status, _, err = submit(*by_cookie)
    assert status == 1 and "TEXTGATE_KFP_COOKIE, which is not set" in err and not kubeflow.requests
    monkeypatch.setenv("TEXTGATE_KFP_COOKIE", "session=s3cret")
    assert submit(*by_cookie)[0] == 0
    monkeypatch.setenv("TEXTGATE_KFP_COOKIE", "session=0ld")
    status, out, err = submit(*by_cookie)
    assert status == 1 and "the cookie of a fresh login" in err and "0ld" not in out + err


def test_header_of_any_name_is_taken_from_the_environment(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeflow.needs = ("X-Team-Key", "k3y")
    by_header = ("--set", "cluster.auth.kind=header", "--set", "cluster.auth.header=X-Team-Key")
    assert "TEXTGATE_KFP_HEADER, which is not set" in submit(*by_header)[2] and not kubeflow.requests
    monkeypatch.setenv("TEXTGATE_KFP_HEADER", "k3y")
    assert submit(*by_header)[0] == 0
    assert all(sent["X-Team-Key"] == "k3y" for sent in kubeflow.headers)


@pytest.mark.parametrize("content", ["{broken", "{}", '{"namespace": "elsewhere"}', None])
def test_the_context_that_kfp_keeps_is_neither_read_nor_written(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    context, inside = tmp_path / ".config" / "context.json", tmp_path / "namespace"
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(context))
    monkeypatch.setattr(kfp.Client, "_NAMESPACE_PATH", str(inside))
    if content is None:
        context.parent.write_text("a file in the way")
    else:
        context.parent.mkdir()
        context.write_text(content)
    monkeypatch.setenv("TEXTGATE_KFP_HEADER", "s3cret-k3y")
    by_header = ("--set", "cluster.auth.kind=header", "--set", "cluster.auth.header=X-Team-Key")
    kubeflow.multi_user = True
    status, _, err = submit(*by_header)
    assert status == 1 and "serves several users: name your namespace" in err
    inside.write_text("team-a")
    status, _, err = submit(*by_header)
    assert (status, err) == (0, "")
    assert [one.namespace for one in kubeflow.experiments.values()] == ["team-a"]
    assert context.parent.is_file() if content is None else context.read_text() == content


def test_a_projected_token_is_read_again_when_it_changes(config: Path, host: str, kubeflow: State) -> None:
    token = config.parent / "token"
    settings = load(config, ["cluster.auth.kind=service-account", f"cluster.auth.token_path={token}"])
    with pytest.raises(TextgateError, match=r"no service-account token at .*token_path"):
        Cluster.of(settings, host)
    assert not kubeflow.requests
    token.write_text("first\n")
    kubeflow.needs = ("Authorization", "Bearer first")
    cluster = Cluster.of(settings, host)
    kubeflow.needs = ("Authorization", "Bearer second")
    with pytest.raises(TextgateError, match="may run pipelines"):
        list_runs(cluster, 1)
    token.write_text("second\n")
    assert list_runs(cluster, 1) == []


def test_a_secret_that_no_header_can_hold_is_not_shown(submit: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_KFP_TOKEN", "tok\nen-äö")
    status, out, err = submit()
    assert status == 1 and "TEXTGATE_KFP_TOKEN has a line break" in err and "en-" not in out + err


def test_a_secret_that_the_server_repeats_is_not_shown(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGATE_KFP_TOKEN", "tok-3n")
    kubeflow.multi_user = True
    status, _, err = submit("--namespace", "team", "--experiment", "tok-3n")
    assert (status, err) == (0, "")
    kubeflow.faults = [Fault(".*", 302, headers={"Location": "https://login.example.com/tok-3n?next=x"})]
    status, _, err = submit("--namespace", "team")
    assert status == 1 and "https://login.example.com/***" in err and "tok-3n" not in err


def test_no_redirect_is_followed(submit: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault("GET /healthz", 302, headers={"Location": "https://login.example.com/dex?state=1"})]
    status, _, err = submit()
    assert status == 1 and "sent on to https://login.example.com/dex)" in err and "login page" in err


def test_access_that_is_forbidden_is_told_apart_from_trouble(submit: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault("POST /runs", 403)]
    status, _, err = submit()
    assert status == 1 and "refused access (HTTP 403: upstream is busy)" in err
    assert sum(request == "POST /runs" for request in kubeflow.requests) == 1


@pytest.mark.parametrize(
    ("where", "command"),
    [("POST /runs", ["submit"]), ("POST /recurringruns", ["schedule", "create", "--cron", "0 3 * * 1"])],
)
def test_what_is_forbidden_may_be_the_service_account(
    at_host: Typed, kubeflow: State, where: str, command: list[str]
) -> None:
    account = "allow the service account runner (cluster.service_account): infra/README.md says how"
    for named, told in (([], False), (["--set", "cluster.service_account=runner"], True)):
        kubeflow.faults = [Fault(f"{where}$", 403)]
        status, _, err = at_host(*command, "--unchecked", *named)
        assert status == 1 and "may run pipelines, or have its administrator grant the right" in err
        assert (account in err) == told
    kubeflow.faults = [Fault("POST /experiments|GET /experiments", 403)]
    assert "service account" not in at_host(*command, "--unchecked", *named)[2]


def test_certificates_are_checked_against_the_bundle(config: Path, kubeflow: State, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with loopback(kubeflow, authority.issue("127.0.0.1")) as host:
        with pytest.raises(TextgateError, match=r"not trusted .*cluster\.auth\.ca_bundle"):
            Cluster.of(load(config), host)
        (tmp_path / "none.pem").write_text("no certificate")
        for name, why in (("nowhere.pem", "cannot be read: No such file"), ("none.pem", "holds no certificate in PEM")):
            with pytest.raises(TextgateError, match=rf"cluster\.auth\.ca_bundle .*{name} {why}"):
                Cluster.of(load(config, [f"cluster.auth.ca_bundle={tmp_path / name}"]), host)
        assert not kubeflow.requests
        assert Cluster.of(load(config, [f"cluster.auth.ca_bundle={authority.bundle}"]), host).namespace is None


def test_host_and_namespace_come_from_the_config_where_no_option_names_them(
    typed: Typed, config: Path, kubeflow: State, host: str
) -> None:
    kubeflow.multi_user = True
    places = ("--set", f"cluster.host={host}", "--set", "cluster.namespace=team-a")
    status, _, err = typed("submit", "--unchecked", "--config", str(config), *places)
    assert (status, err) == (0, "")
    assert typed("submit", "--unchecked", "--config", str(config), *places, "--namespace", "team-b")[0] == 0
    assert [one.namespace for one in kubeflow.experiments.values()] == ["team-a"]
    status, _, err = typed("submit", "--unchecked", "--config", str(config))
    assert status == 1 and "no Kubeflow is named; give --host URL, or set cluster.host in the config" in err


def test_credentials_in_the_host_are_refused_unseen(submit: Typed) -> None:
    status, out, err = submit(at="https://me:s3cret@kubeflow.example.com")
    assert status == 1 and "must hold no credentials" in err and "s3cret" not in out + err
