"""A real webhook on this machine: what it gets, and what a run's log says where it cannot be had."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.base.settings import NotifyStep
from components.close.notify import notify
from tests.certificates import Authority
from tests.components.close.webhook import SECRET, Hook, webhook

FACTS: dict[str, Any] = {
    "model": "tiny", "run": "tiny-1", "job_id": "job-1", "outcome": "refused", "verdict": "refused-by-gate",
    "summary": "accuracy 0.7 is below 0.8", "version": "", "failed_step": "", "failure": "",
    "metrics": {"accuracy": 0.7}, "links": {"mlflow": "https://mlflow.example/#/experiments/1/runs/2"},
}  # fmt: skip
JSON, SLACK = NotifyStep(kind="json"), NotifyStep(kind="slack")
TOLD = "the webhook knows of the run's end\n"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with webhook() as one:
        monkeypatch.setenv("TEXTGATE_WEBHOOK", one.url)
        yield one


def said(capfd: pytest.CaptureFixture[str]) -> str:
    out, err = capfd.readouterr()
    assert SECRET not in out + err and "127.0.0.1" not in out + err, "the URL is a secret"
    assert not err
    return out


def test_json_is_the_facts_and_slack_a_text(hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    notify(JSON, FACTS)
    notify(SLACK, FACTS)
    facts, text = hook.got
    assert facts == FACTS
    assert text.keys() == {"text"} and "refused-by-gate" in text["text"]
    assert said(capfd) == TOLD * 2


def test_only_the_ends_that_are_asked_for_are_told(hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    for step in (NotifyStep(), NotifyStep(kind="json", on=["failed"])):
        notify(step, FACTS)
    assert (hook.got, said(capfd)) == ([], "")


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503])
def test_a_refusal_is_one_line(hook: Hook, capfd: pytest.CaptureFixture[str], status: int) -> None:
    hook.status = status
    notify(JSON, FACTS)
    assert said(capfd) == f"the webhook was not told of the run's end: it answered HTTP {status}\n"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(hook: Hook, capfd: pytest.CaptureFixture[str], status: int) -> None:
    with webhook() as other:
        hook.status, hook.location = status, other.url
        notify(JSON, FACTS)
        assert other.got == []
    assert said(capfd).endswith(f"it answered HTTP {status}\n")


@pytest.mark.parametrize("slowness", ["wait_s", "drip_s"])
def test_a_slow_one_is_given_up(hook: Hook, capfd: pytest.CaptureFixture[str], slowness: str) -> None:
    setattr(hook, slowness, 0.05 if slowness == "drip_s" else 1.5)
    thread = threading.Thread(target=notify, args=(NotifyStep(kind="json", timeout_s=0.3), FACTS), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    hook.drip_s = 0
    assert said(capfd).partition(": ")[2] in ("no answer in 0.3 s\n", "it did not answer in time\n")


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://127.0.0.1/{SECRET}",
        f"file:///etc/{SECRET}",
        SECRET,
        f"https://[127.0.0.1/{SECRET}",
        f"http://me:{SECRET}@127.0.0.1/",
        f"http://127.0.0.1:port/{SECRET}",
        f"http://127.0.0.1/{SECRET}\x00 and space",
        f"http://127.0.0.1\n/{SECRET}",
    ],
)
def test_a_bad_url_is_not_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("os.environ", {"TEXTGATE_WEBHOOK": url})
    notify(JSON, FACTS)
    (line,) = said(capfd).splitlines()
    assert line.startswith("the webhook was not told of the run's end: ")


def test_without_a_url_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TEXTGATE_WEBHOOK", raising=False)
    notify(SLACK, FACTS)
    assert said(capfd) == "the webhook was not told of the run's end: TEXTGATE_WEBHOOK is not set\n"


def test_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("TEXTGATE_WEBHOOK", f"http://127.0.0.1:{taken.getsockname()[1]}/{SECRET}")
        notify(JSON, FACTS)
    assert said(capfd) == "the webhook was not told of the run's end: Connection refused\n"


def test_a_certificate_that_nobody_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context), daemon=True)
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("TEXTGATE_WEBHOOK", f"https://127.0.0.1:{listener.getsockname()[1]}/{SECRET}")
        notify(JSON, FACTS)
        thread.join(10)
    assert "its certificate is not trusted" in said(capfd)


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    try:
        context.wrap_socket(connection, server_side=True)
    except OSError:
        connection.close()
