"""The page at / in a browser, as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from serving.bundle import MANIFEST
from tests.chromium import Tab
from tests.serving import tiny_tasks

Browse = Callable[..., Tab]
PATIENCE_MS = 20_000

# The answer's parts once there is one that differs from `before`.
ANSWER = """new Promise((done, failed) => {
  const begun = Date.now(), before = %s
  const look = () => {
    const parts = [...document.getElementById('answer').children].map(one => one.innerText)
    const ended = !document.getElementById('send').disabled
    if (ended && parts.length && JSON.stringify(parts) !== before) return done(parts)
    if (Date.now() - begun > %d) return failed(new Error(JSON.stringify(parts)))
    setTimeout(look, 20)
  }
  look()
})"""
READY = f"""new Promise((done, failed) => {{
  const begun = Date.now()
  const look = () => document.querySelector('textarea') ? done(true)
    : Date.now() - begun > {PATIENCE_MS} ? failed(new Error('no input')) : setTimeout(look, 20)
  look()
}})"""


@pytest.fixture(scope="module")
def servers(
    tiny: ModuleType, running: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Any]]:
    """Of a task, started when it is first asked for."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        known: dict[str, Any] = {}

        def serve(task: str) -> Any:
            if task not in known:
                folder = tmp_path_factory.mktemp(task)
                if task == "single-label":
                    tiny.write_bundle(folder / "bundle", temperature=1.0)
                    manifest = json.loads((folder / "bundle" / MANIFEST).read_text())
                    (folder / "bundle" / MANIFEST).write_text(json.dumps(manifest | {"abstain_below": 0.6}))
                else:
                    tiny_tasks.write_bundle(folder / "bundle", task)
                arguments = ("--bundle", str(folder / "bundle"), "--version", "7")
                known[task] = stack.enter_context(running.running(folder, *arguments))
            return known[task]

        yield serve


def opened(browse: Browse, server: Any, **options: Any) -> Tab:
    tab = browse(str(server.http.base_url), **options)
    assert tab.evaluate(READY)
    return tab


def ask(tab: Tab, *texts: str) -> list[str]:
    """Typed into the inputs one after the other, and sent by the button, all by keyboard."""
    before = tab.evaluate("JSON.stringify([...document.getElementById('answer').children].map(one => one.innerText))")
    tab.evaluate("document.querySelectorAll('textarea').forEach(one => one.value = '')")
    tab.evaluate("document.querySelector('textarea').focus()")
    for text in texts:
        tab.type(text)
        tab.press("Tab")
    tab.press("Enter")
    found: list[str] = tab.evaluate(ANSWER % (json.dumps(before), PATIENCE_MS))
    return found


def test_a_text_is_answered_with_labels_and_version(browse: Browse, servers: Callable[[str], Any]) -> None:
    tab = opened(browse, servers("single-label"))
    assert tab.evaluate("document.activeElement.tagName") == "TEXTAREA"
    assert "version 7" in tab.evaluate("document.getElementById('about').textContent")
    found = ask(tab, "good good so")
    assert [part.split("\n")[0] for part in found] == ["positive", "neutral", "negative", "Answered by version 7."]
    assert found[0].split("\n")[-1].endswith("%")
    widths = tab.evaluate("[...document.querySelectorAll('.bar')].map(one => one.getBoundingClientRect().width)")
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2 * widths[2] > 0
    assert tab.evaluate("document.querySelectorAll('.given').length") == 1
    assert tab.complaints == []


def test_an_answer_that_is_better_withheld_says_so(browse: Browse, servers: Callable[[str], Any]) -> None:
    tab = opened(browse, servers("single-label"))
    assert "Not sure enough: this answer is better withheld." in ask(tab, "x")
    assert not any("Not sure" in part for part in ask(tab, "good"))


def test_of_a_pair_two_texts_are_asked_for(browse: Browse, servers: Callable[[str], Any]) -> None:
    tab = opened(browse, servers("text-pair"))
    labels = tab.evaluate("[...document.querySelectorAll('label')].map(one => [one.textContent, one.control.tagName])")
    assert labels == [["Text", "TEXTAREA"], ["Second text", "TEXTAREA"]]
    assert ask(tab, "good", "bad")[0].startswith("differs")
    assert ask(tab, "good", "good")[0].startswith("follows")


def test_several_labels_and_none_are_shown(browse: Browse, servers: Callable[[str], Any]) -> None:
    tab = opened(browse, servers("multi-label"))
    ask(tab, "good bad")
    given = "[...document.querySelectorAll('.given .label')].map(one => one.textContent).sort()"
    assert tab.evaluate(given) == ["negative", "positive"]
    assert "No label reaches its threshold." in ask(tab, "x")
    assert tab.evaluate(given) == []


def test_entities_are_marked_where_they_stand(browse: Browse, servers: Callable[[str], Any]) -> None:
    """Behind characters that are two units of a string in a browser, and one in Python."""
    tab = opened(browse, servers("token-tags"))
    ask(tab, "😀 Anna, new york!")
    marks = "[...document.querySelectorAll('mark')].map(one => [one.firstChild.data, one.lastChild.textContent])"
    (person, place) = tab.evaluate(marks)
    assert (person[0], place[0]) == ("Anna", "new york")
    assert person[1].startswith("person ")
    assert "No entity was found." in ask(tab, "so")


def test_nothing_that_is_typed_becomes_markup(browse: Browse, servers: Callable[[str], Any]) -> None:
    typed = "<img src=x onerror=\"document.title='owned'\"> <script>document.title='owned'</script>"
    for task in ("token-tags", "single-label"):
        tab = opened(browse, servers(task))
        ask(tab, typed)
        assert tab.evaluate("document.querySelectorAll('#answer img, #answer script').length") == 0
        assert tab.evaluate("document.title") == "tiny · textgate"
        if task == "token-tags":
            assert typed in tab.evaluate("document.querySelector('#answer .text').textContent")


def test_only_the_server_itself_is_asked(browse: Browse, servers: Callable[[str], Any]) -> None:
    server = servers("single-label")
    tab = opened(browse, server)
    ask(tab, "good")
    own = [url for url in tab.requests if not url.startswith("data:")]
    assert len(own) >= 6
    assert {url.startswith(str(server.http.base_url)) for url in own} == {True}
    headers = server.http.get("/", headers={"accept": "text/html,*/*;q=0.8"}).headers
    assert "default-src 'none'" in headers["content-security-policy"]


def test_what_is_sent_twice_by_the_keyboard_is_asked_once(browse: Browse, servers: Callable[[str], Any]) -> None:
    tab = opened(browse, servers("single-label"))
    tab.evaluate("""{
      const area = document.querySelector('textarea')
      const send = () => area.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true}))
      area.value = 'good'
      send()
      send()
    }""")
    assert tab.evaluate(ANSWER % (json.dumps("[]"), PATIENCE_MS))[-1] == "Answered by version 7."
    assert len([url for url in tab.requests if url.endswith("/infer")]) == 1


def test_errors_are_said_in_words(browse: Browse, servers: Callable[[str], Any]) -> None:
    tab = opened(browse, servers("single-label"))
    assert ask(tab, "x" * 20_001) == ["The server refused: text 0 has 20001 characters; send at most 20000"]
    assert len(ask(tab, "good")) > 1  # the next one is answered again


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "The server is busy. Try again in a moment."),
        (504, "The server took too long. Try again, or with a shorter text."),
        (500, "The server failed (500)."),
    ],
)
def test_an_overloaded_server_is_told_from_a_broken_one(
    browse: Browse, servers: Callable[[str], Any], status: int, said: str
) -> None:
    tab = opened(browse, servers("single-label"))
    tab.evaluate(f"void (window.fetch = async () => new Response('', {{status: {status}}}))")
    assert ask(tab, "good") == [said]


def test_a_server_that_is_gone_is_said(browse: Browse, tiny: ModuleType, running: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle")) as server:
        tab = opened(browse, server)
    assert ask(tab, "good") == ["The server does not answer. Is it still running?"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_window(browse: Browse, servers: Callable[[str], Any], scheme: str) -> None:
    tab = opened(browse, servers("token-tags"), width=360, scheme=scheme)
    ask(tab, "y" * 300)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 25, 28)"
    assert dark == (scheme == "dark")


def test_who_is_no_browser_is_told_that_the_server_lives(servers: Callable[[str], Any]) -> None:
    """As the older protocol has it at /."""
    assert servers("single-label").http.get("/").json() == {"status": "alive"}
