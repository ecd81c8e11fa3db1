"""A pytest plugin: Chromium without a window, driven over its DevTools protocol, and what it reports of a page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
PATIENCE_S = 60
KEYS = {
    "Enter": {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13},
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "ArrowRight": {"key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39},
}


class Chromium:
    """The DevTools protocol, one command after the other; events are kept until somebody takes them."""

    def __init__(self, address: str) -> None:
        from websocket import create_connection

        self._socket = create_connection(address, timeout=PATIENCE_S, suppress_origin=True, http_no_proxy=["127.0.0.1"])
        self._sent = 0
        self.events: list[dict[str, Any]] = []

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        addressed = {"sessionId": session} if session else {}
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters, **addressed}))
        while (message := self._next()).get("id") != self._sent:
            self.events.append(message)
        assert "error" not in message, f"{method}: {message}"
        return dict(message["result"])

    def heard(self, method: str, session: str) -> list[dict[str, Any]]:
        return [one["params"] for one in self.events if one["method"] == method and one.get("sessionId") == session]

    def listen(self) -> None:
        """For one more event."""
        self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        return dict(json.loads(self._socket.recv()))

    def close(self) -> None:
        self.command("Browser.close")
        self._socket.close()


class Tab:
    """A page that is open. `requests` are the addresses it asked for, `complaints` what the console would show: errors,
    warnings, and what the Content-Security-Policy forbade."""

    def __init__(self, browser: Chromium, page: Path | str, width: int, scheme: str) -> None:
        self._browser = browser
        self._target = browser.command("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.command("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self._do(f"{domain}.enable")
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._do("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._do("Emulation.setEmulatedMedia", features=features)
        self._do("Emulation.setFocusEmulationEnabled", enabled=True)
        self._do("Page.setLifecycleEventsEnabled", enabled=True)
        loader = self._do("Page.navigate", url=page if isinstance(page, str) else page.as_uri())["loaderId"]
        while not self._loaded(loader):
            browser.listen()

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.command(method, self._session, **parameters)

    def _loaded(self, loader: str) -> bool:
        reached = self._browser.heard("Page.lifecycleEvent", self._session)
        return any(one["loaderId"] == loader and one["name"] == "load" for one in reached)

    def _heard(self, method: str) -> list[dict[str, Any]]:
        """Until now."""
        self.evaluate("0")
        return self._browser.heard(method, self._session)

    @property
    def requests(self) -> list[str]:
        return [one["request"]["url"] for one in self._heard("Network.requestWillBeSent")]

    @property
    def complaints(self) -> list[str]:
        logged = [one["entry"]["text"] for one in self._heard("Log.entryAdded")]
        called = [str(one["args"]) for one in self._heard("Runtime.consoleAPICalled")]
        thrown = [str(one["exceptionDetails"]) for one in self._heard("Runtime.exceptionThrown")]
        return logged + called + thrown + [str(one["issue"]) for one in self._heard("Audits.issueAdded")]

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in JavaScript, which the page itself is not allowed to run."""
        answer = self._do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self._do("Input.dispatchKeyEvent", type=kind, **KEYS[key])

    def type(self, text: str) -> None:
        """Where the focus is."""
        self._do("Input.insertText", text=text)

    def close(self) -> None:
        self._browser.command("Target.closeTarget", targetId=self._target)


@contextmanager
def running(program: str, folder: Path) -> Iterator[Chromium]:
    """With its profile and log in `folder`."""
    with (folder / "chromium.log").open("wb") as log:
        command = [program, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        browser = Chromium(_address(process, folder))
        yield browser
        browser.close()
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    """What Chromium writes down once it listens."""
    written = folder / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if written.exists() and len(lines := written.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise RuntimeError(f"Chromium does not listen:\n{(folder / 'chromium.log').read_text(errors='replace')}")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    named = os.environ.get("CHROMIUM")
    program = next(filter(None, map(shutil.which, [named] if named else PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser {named or 'Chromium'} here: apt-get install chromium, or name one in CHROMIUM")
    with running(program, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def browse(chromium: Chromium) -> Iterator[Callable[..., Tab]]:
    """Opens a page as a window of that width shows it, in the `light` or `dark` scheme."""
    tabs: list[Tab] = []

    def open_tab(page: Path | str, width: int = 1200, scheme: str = "light") -> Tab:
        tabs.append(Tab(chromium, page, width, scheme))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()
