"""hf:// references against a hub on this machine, with HF_HUB_OFFLINE set, as it is in the images."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.base import base_models, hugging_face_hub
from components.base.errors import TextgateError
from tests.hub import LARGE, Hub, Model, commit_of, one_commit, serving

ROOT = Path(__file__).resolve().parents[3]
FILES = {
    "config.json": b"{}",
    "model.safetensors": random.Random(1).randbytes(3 * LARGE),
    "tokenizer.json": b"tokens" * 1000,
    "vocab.txt": b"",
    "pytorch_model.bin": b"a pickle" * LARGE,
    "README.md": b"words",
}
TAKEN = {name: content for name, content in FILES.items() if name not in ("pytorch_model.bin", "README.md")}
COMMIT = commit_of(FILES)
MAIN = "hf://org/name"
COPY = """
import sys
from pathlib import Path
from components.base import base_models
reference, folder = sys.argv[1:]
base_models.copy(reference, base_models.digest(reference), Path(folder))
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hugging_face_hub, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(Hub({"org/name": one_commit(FILES)}, known_tokens=frozenset({"mine", "other"}))) as state:
        monkeypatch.setenv("HF_ENDPOINT", f"{state.url}/")
        yield state


def folder_of(path: Path, files: dict[str, bytes]) -> str:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return str(path)


def copied(reference: str, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    base_models.copy(reference, base_models.digest(reference), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(reference: str = MAIN) -> str:
    with pytest.raises(TextgateError) as caught:
        base_models.digest(reference)
    return str(caught.value)


def test_a_model_of_the_hub_is_that_of_a_folder_with_its_files(hub: Hub, tmp_path: Path) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert base_models.digest(MAIN) == base_models.digest(folder_of(tmp_path / "same", FILES))
    assert copied(MAIN, tmp_path / "copy") == TAKEN


def test_only_what_counts_is_asked_for_and_large_files_once(hub: Hub, tmp_path: Path) -> None:
    base_models.digest(MAIN)
    assert hub.paths("storage") == []
    copied(MAIN, tmp_path / "copy")
    assert len(hub.paths("storage")) == 1
    asked = {path for path in hub.paths("hub") if "/resolve/" in path}
    assert asked == {f"/org/name/resolve/{COMMIT}/{name}" for name in TAKEN}


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_a_revision_is_pinned_to_its_commit(hub: Hub, revision: str) -> None:
    assert base_models.pin(f"{MAIN}{revision}") == f"{MAIN}@{COMMIT}"


def test_what_was_pinned_stays_when_the_branch_moves(hub: Hub, tmp_path: Path) -> None:
    pinned = base_models.pin(f"{MAIN}@main")
    expected = base_models.digest(pinned)
    moved = {**FILES, "config.json": b'{"moved": 1}'}
    hub.models["org/name"] = Model({COMMIT: FILES, commit_of(moved): moved}, {"main": commit_of(moved)})
    assert base_models.digest(pinned) == expected != base_models.digest(MAIN)
    assert copied(pinned, tmp_path / "copy") == TAKEN
    assert base_models.pin(MAIN) == f"{MAIN}@{commit_of(moved)}"


def test_a_branch_with_a_slash_and_a_model_that_was_renamed_are_found(hub: Hub, tmp_path: Path) -> None:
    hub.models["org/name"].branches["feature/x"] = COMMIT
    hub.renamed["org/old"] = "org/name"
    assert base_models.pin("hf://org/old@feature%2Fx") == f"hf://org/old@{COMMIT}"
    assert copied("hf://org/old", tmp_path / "copy") == TAKEN


def test_a_hub_that_tells_another_sha256_than_it_gives_is_found_out(hub: Hub, tmp_path: Path) -> None:
    hub.lies = True
    with pytest.raises(TextgateError, match="was changed since it was resolved"):
        copied(MAIN, tmp_path / "copy")


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.models["org/name"] = one_commit(FILES, private=True, gated=True, allowed=frozenset({"mine"}))
    monkeypatch.setenv("HF_TOKEN", "mine\n")
    assert copied(MAIN, tmp_path / "copy") == TAKEN
    tokens = {(request.host, request.token) for request in hub.requests}
    assert tokens == {("hub", "mine"), ("storage", "")}


def test_the_users_home_gives_no_token_and_gets_nothing_and_no_other_address_is_asked(hub: Hub, tmp_path: Path) -> None:
    """In a process of its own, where the library reads its variables while it is imported."""
    home, target = tmp_path / "home", tmp_path / "copy"
    token = home / ".cache" / "huggingface" / "token"
    token.parent.mkdir(parents=True)
    token.write_text("mine")
    target.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DO_NOT"))}
    environment |= {"HOME": str(home), "HF_ENDPOINT": hub.url, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", COPY, MAIN, str(target)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path for path in home.rglob("*") if path.is_file()] == [token]
    assert {request.token for request in hub.requests} == {""}
    assert all(path.startswith(("/api/models/org/name/revision/", "/org/name/resolve/")) for path in hub.paths("hub"))


def test_a_transfer_that_breaks_off_is_taken_up(hub: Hub, tmp_path: Path) -> None:
    hub.cut, hub.cuts = LARGE + 5, 2
    assert copied(MAIN, tmp_path / "copy") == TAKEN
    assert len(hub.paths("storage")) == 3


def test_a_transfer_that_cannot_be_taken_up_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.cut, hub.cuts, hub.whole = LARGE, 1, True
    with pytest.raises(TextgateError, match="cannot resume a download: it ignores ranges"):
        copied(MAIN, tmp_path / "copy")


def test_trouble_that_passes_is_waited_for_and_that_which_does_not_is_named(hub: Hub) -> None:
    hub.troubles = [503, 429]
    base_models.digest(MAIN)
    hub.troubles = [503] * 3
    assert "does not give hf://org/name (HTTP 503); check the network and HF_ENDPOINT" in refusal()


def test_what_is_not_there_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    host = hub.url.removeprefix("http://")
    assert refusal(f"{MAIN}@v9") == f"{host} has no revision 'v9' of org/name; correct hf://org/name@v9"
    absent = f"{host} has no model org/nothing, or it is private; correct hf://org/nothing, or use "
    assert refusal("hf://org/nothing").startswith(f"{absent}a token, which HF_TOKEN is to hold")
    monkeypatch.setenv("HF_TOKEN", "other")
    assert refusal("hf://org/nothing").startswith(f"{absent}the token in HF_TOKEN, of an account that may read it")


def test_a_file_that_is_not_there_is_not_found(hub: Hub) -> None:
    store = hugging_face_hub.HuggingFaceHub(MAIN)
    assert not store.exists("vocab.json")
    with pytest.raises(FileNotFoundError, match=f"there is no /org/name/resolve/{COMMIT}/vocab.json at 127"):
        next(store.chunks("vocab.json"))


def test_who_may_not_read_is_told_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.models["org/name"] = one_commit(FILES, gated=True, allowed=frozenset({"mine"}))
    said = "gives org/name to those only who accepted its terms; accept them on its page, and use "
    assert f"{said}a token, which HF_TOKEN is to hold" in refusal()
    monkeypatch.setenv("HF_TOKEN", "other")
    assert f"{said}the token in HF_TOKEN" in refusal()
    monkeypatch.setenv("HF_TOKEN", "stale")
    assert "does not accept the token in HF_TOKEN, for hf://org/name; renew it" in refusal()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("pytorch_model.bin", "a pickle, which is never read"),
        ("model.safetensors.index.json", "cut into several files"),
    ],
)
def test_weights_that_are_no_single_safetensors_file_are_refused(hub: Hub, other: str, reason: str) -> None:
    files = {"config.json": b"{}", "tokenizer.json": b"{}", other: b"weights"}
    hub.models["org/name"] = one_commit(files)
    assert f"has no model.safetensors, which is needed; its weights are {other}, {reason}" in refusal()


def test_a_hub_that_cannot_be_reached_is_one_message(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert refusal() == (
        "127.0.0.1:9 does not give hf://org/name (Connection refused); check the network and HF_ENDPOINT, and run again"
    )


@pytest.mark.parametrize("path", ["/elsewhere", "/login/page/of/a/proxy"])
def test_what_answers_and_is_no_hub_is_told_so(hub: Hub, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url + path)
    assert "answers, but not as a Hugging Face hub does; check HF_ENDPOINT" in refusal()


@pytest.mark.parametrize("endpoint", ["huggingface.co", "ftp://hub", "http://", "http://hub:port"])
def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert refusal().startswith("HF_ENDPOINT is not the address of a hub")


@pytest.mark.parametrize(
    "reference",
    ["hf://", "hf://name", "hf://org/name@", "hf://datasets/org/name", "hf://org/name@v1/part", "hf://../x"],
)
def test_a_reference_that_names_no_model_is_refused(reference: str) -> None:
    said = refusal(reference)
    assert said == f"{reference} names no model of a hub; write hf://org/name@revision, a / in the revision as %2F"


def test_a_model_of_the_hub_is_not_on_this_machine() -> None:
    with pytest.raises(TextgateError, match=r"reference hf://org/name is not on this machine; use a folder or package"):
        base_models.locate(MAIN)
