"""Which version may be deployed, and how it goes on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.base import registry
from components.base.errors import TextgateError
from components.base.settings import DeploySettings, DeployStep, RunStep
from components.deploy.component import deploy as component
from components.deploy.deploy import deploy, show_manifests, undeploy
from components.deploy.status import status
from components.promote.promote import promote
from serving.pins import pin_path, read_pin
from tests.components.deploy.conftest import Step

RUN = RunStep(name="tiny")
LOCAL = DeployStep(options=DeploySettings())
Register = Callable[..., Any]


@pytest.fixture
def two(workspace: Path, register_version: Register) -> tuple[str, str]:
    """Two versions, the first of them champion."""
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0, champion="1")
    promote(RUN, first.version, "", why="first")
    return first.version, second.version


def pinned(home: Path, name: str = "tiny") -> str:
    return read_pin(pin_path(home, name)).version


def test_the_champion_is_pinned_and_once_more_changes_nothing(
    two: tuple[str, str], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", LOCAL)
    assert pinned(workspace) == "1"
    assert "a running `textgate serve` follows" in capsys.readouterr().out
    deploy(RUN, "1", LOCAL)
    assert "tiny version 1 is deployed already" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["local", "kserve"])
def test_another_version_than_the_champion_is_refused(
    target: str, two: tuple[str, str], workspace: Path, step: Step
) -> None:
    settings = LOCAL if target == "local" else step()
    said = r"version 2 of tiny is not the champion: the promotion log says version 1, since .*`textgate promote tiny 2`"
    for act in (deploy, show_manifests):
        if act is show_manifests and target == "local":
            continue
        with pytest.raises(TextgateError, match=said):
            act(RUN, "2", settings)
    assert not pin_path(workspace, "tiny").exists()


def test_without_a_champion_only_a_preview_goes(workspace: Path, register_version: Register) -> None:
    version = register_version("job-1").version
    with pytest.raises(TextgateError, match="nothing was promoted yet"):
        deploy(RUN, version, LOCAL)
    deploy(RUN, version, LOCAL, preview=True)
    assert pinned(workspace, "tiny-preview") == version
    assert not pin_path(workspace, "tiny").exists()


def test_a_preview_is_served_under_its_own_name(two: tuple[str, str], workspace: Path, running: ModuleType) -> None:
    deploy(RUN, "1", LOCAL)
    deploy(RUN, "2", LOCAL, preview=True)
    assert (pinned(workspace), pinned(workspace, "tiny-preview")) == ("1", "2")
    with running.running(workspace, "--pin", str(pin_path(workspace, "tiny-preview"))) as server:
        assert server.infer("good", name="tiny-preview").json()["model_version"] == "2"
        assert server.infer("good", name="tiny").status_code == 404


def test_another_bundle_than_the_promoted_one_is_refused(two: tuple[str, str], workspace: Path) -> None:
    with pytest.raises(TextgateError, match=r"should have the bundle digest eeeeeeeeeeee, but the registry says"):
        deploy(RUN, "1", LOCAL, digest="e" * 64)
    registry.tag_version("tiny", "1", {"textgate.bundle_digest": "f" * 64})
    with pytest.raises(TextgateError, match=r"but the registry says ffffffffffff; nothing was deployed"):
        deploy(RUN, "1", LOCAL)
    assert not pin_path(workspace, "tiny").exists()


def test_undeploy_takes_the_pin_and_nothing_else(
    two: tuple[str, str], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", LOCAL)
    undeploy(RUN, LOCAL)
    assert not pin_path(workspace, "tiny").exists()
    assert (workspace / "serving" / "tiny" / "1" / "bundle.json").exists()
    assert registry.aliases("tiny")["champion"] == "1"
    undeploy(RUN, LOCAL)
    assert "nothing to do" in capsys.readouterr().out
    deploy(RUN, "1", LOCAL)
    assert pinned(workspace) == "1"


def test_status_holds_the_pin_against_the_log(two: tuple[str, str]) -> None:
    assert status(RUN, LOCAL)[1] == ("tiny", "not deployed")
    deploy(RUN, "1", LOCAL)
    log, (name, pin) = status(RUN, LOCAL)
    assert log[1].startswith("version 1, since ") and log[1].endswith(": first")
    assert name == "tiny" and pin.startswith("version 1 is pinned (")
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "1", LOCAL, preview=True)
    lines = status(RUN, LOCAL)
    assert "`textgate deploy tiny` deploys version 2" in lines[2][1]
    assert lines[3][0] == "tiny-preview"


def test_the_manifests_are_shown_without_a_cluster(
    two: tuple[str, str], step: Step, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    shown = show_manifests(RUN, "1", step(storage="s3://bundles/copies"))
    digest = registry.version_tags("tiny", "1")["textgate.bundle_digest"]
    assert f"storageUri: s3://bundles/copies/tiny/{digest}\n" in shown and "kind: ServingRuntime" in shown
    with pytest.raises(TextgateError, match="the target local has no manifests"):
        show_manifests(RUN, "1", LOCAL)


def test_the_component_takes_its_settings(two: tuple[str, str], workspace: Path) -> None:
    digest = registry.version_tags("tiny", "1")["textgate.bundle_digest"]
    component.python_func("1", digest, RUN.model_dump_json(), LOCAL.model_dump_json())
    assert pinned(workspace) == "1"
    with pytest.raises(SystemExit):
        component.python_func("1", "e" * 64, RUN.model_dump_json(), LOCAL.model_dump_json())
