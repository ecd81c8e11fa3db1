from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from components.base.settings import RunStep
from components.promote.promote import promote
from pipelines.cli import cli
from serving.pins import pin_path, read_pin

Run = Callable[..., Result]
KSERVE = ("deploy.target=kserve", "deploy.kserve.namespace=models", "deploy.kserve.image=textgate/serve@sha256:0")


@pytest.fixture
def run(tiny_project: Path, workspace: Path) -> Run:
    def invoke(*words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--config", str(tiny_project / "tiny.yaml")])

    return invoke


@pytest.fixture
def champion(workspace: Path, register_version: Callable[..., Any]) -> str:
    """The first of two versions."""
    version: str = register_version("job-1").version
    register_version("job-2", temperature=3.0, champion=version)
    promote(RunStep(name="tiny"), version, "", why="first")
    return version


def told(result: Result) -> str:
    assert isinstance(result.exception, TextgateError), result.output
    return str(result.exception)


def test_the_champion_is_deployed_shown_and_taken_away(run: Run, champion: str, workspace: Path) -> None:
    done = run("deploy", "tiny")
    assert done.exit_code == 0 and "tiny version 1 is pinned" in done.output
    assert read_pin(pin_path(workspace, "tiny")).version == champion
    assert "nothing was changed" in run("deploy", "tiny", "1").output
    shown = run("deploy", "status", "tiny")
    assert shown.exit_code == 0 and "version 1 is pinned" in " ".join(shown.output.split())
    assert run("undeploy", "tiny").exit_code == 0
    assert "not deployed" in run("deploy", "status", "tiny").output


def test_a_preview_is_any_version(run: Run, champion: str, workspace: Path) -> None:
    assert "not the champion" in told(run("deploy", "tiny", "2"))
    assert run("deploy", "tiny", "2", "--preview").exit_code == 0
    assert read_pin(pin_path(workspace, "tiny-preview")).version == "2"
    assert "--preview needs a VERSION" in told(run("deploy", "tiny", "--preview"))
    assert run("undeploy", "tiny", "--preview").exit_code == 0
    assert not pin_path(workspace, "tiny-preview").exists()


def test_without_a_champion_nothing_is_deployed(run: Run) -> None:
    assert "nothing of tiny was promoted yet" in told(run("deploy", "tiny"))


def test_a_dry_run_shows_what_would_be_applied(run: Run, champion: str) -> None:
    options = [word for key in (*KSERVE, "deploy.kserve.storage=s3://bundles") for word in ("--set", key)]
    done = run("deploy", "tiny", "--dry-run", *options)
    runtime, service = yaml.safe_load_all(done.output)
    assert (runtime["kind"], service["metadata"]["name"]) == ("ServingRuntime", "tiny")
    assert service["spec"]["predictor"]["annotations"]["textgate.version"] == "1"
    done = run("deploy", "tiny", "2", "--preview", "--dry-run", *options)
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(done.output)] == ["textgate", "tiny-preview"]


def test_status_is_a_word_only_where_it_comes_first(run: Run, tiny_project: Path) -> None:
    config = str(tiny_project / "tiny.yaml")
    help_of_status = CliRunner().invoke(cli, ["deploy", "status", "--help"])
    assert "textgate deploy status [OPTIONS] MODEL" in help_of_status.output.replace("cli deploy", "textgate deploy")
    result = CliRunner().invoke(cli, ["deploy", "--config", config, "status"])
    assert "is the config of tiny, not of status" in told(result)
    assert "textgate deploy status MODEL" in CliRunner().invoke(cli, ["deploy", "--help"]).output


@pytest.mark.parametrize("words", [["deploy", "other"], ["deploy", "status", "other"], ["undeploy", "other"]])
def test_the_config_of_another_model_is_refused(words: list[str], run: Run) -> None:
    assert "is the config of tiny, not of other" in told(run(*words))


def test_the_server_follows_the_promotion_log_s_head(
    champion: str, running: ModuleType, tiny_project: Path, workspace: Path, tmp_path: Path
) -> None:
    """The first one is deployed at its start; the next one when it is promoted, without a deployment by anybody."""
    arguments = ("serve", "--config", str(tiny_project / "tiny.yaml"), "--follow", "head")
    program = ("-c", "from pipelines.cli import main; main()")
    with running.running(tmp_path, *arguments, program=program) as server:

        def served() -> str:
            version: str = server.infer("good").json()["model_version"]
            return version

        assert served() == champion
        promote(RunStep(name="tiny"), "2", champion, why="second")
        server.until(lambda: served() == "2")
    assert read_pin(pin_path(workspace, "tiny")).version == "2"


def test_a_server_that_follows_the_log_says_where_nothing_is_promoted(run: Run) -> None:
    assert "no version of tiny is promoted; run" in told(run("serve", "--follow", "head"))
