"""`textgate lineage` on versions that the steps themselves made, promoted and deployed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from components.base import registry, tracking
from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import DeploySettings, DeployStep
from components.deploy.deploy import deploy
from components.promote.promote import promote
from pipelines.cli import cli
from pipelines.lineage import drawing
from tests.mlflow_store import DATA_MD5, RUN, Register

STEP = DeployStep(options=DeploySettings())


def lineage(*arguments: str) -> Result:
    done = CliRunner().invoke(cli, ["lineage", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def graph(*arguments: str) -> tuple[set[str], set[tuple[str, str, str]], dict[str, Any]]:
    content = json.loads(lineage(*arguments, "--json").stdout)
    edges = {(edge["source"], edge["label"], edge["target"]) for edge in content["edges"]}
    return {f"{node['kind']} {node['name']}" for node in content["nodes"]}, edges, content


def record(tmp_path: Path, job_id: str, **tags: str) -> str:
    """What resolve and record leave of a job beside its version."""
    arguments = {"run": RUN.model_dump_json(), "deploy_settings": STEP.model_dump_json()}
    write_json(tmp_path / f"{job_id}.lineage" / "arguments.json", arguments)
    known = {"run_name": f"run-{job_id}", "git_commit": "c0ffee", "data_md5": DATA_MD5, "outcome": "registered", **tags}
    run_id = tracking.open_run("tiny", job_id, {f"textgate.{name}": value for name, value in known.items()})
    tracking.log_files(run_id, {"lineage": tmp_path / f"{job_id}.lineage"})
    return run_id


@pytest.fixture
def versions(workspace: Path, tmp_path: Path, register_version: Register) -> list[str]:
    """Version 1 is former champion, 2 was begun from it and is deployed; job-3 reused the steps of job-2."""
    first = register_version("job-1")
    record(tmp_path, "job-1", base_model="package://base/model", base_model_digest="b" * 64)
    promote(RUN, first.version, "", why="the first")
    second = register_version("job-2", temperature=2.0, champion=first.version)
    record(tmp_path, "job-2", base_model=f"mlflow://tiny/{first.version}", champion_version=first.version)
    promote(RUN, second.version, first.version, why="it is better")
    deploy(RUN, second.version, STEP)
    record(tmp_path, "job-3", parent_run="run-job-2", outcome="refused-by-gate")
    return [first.version, second.version]


def test_a_run_leads_back_to_all_that_it_was_made_with(versions: list[str]) -> None:
    nodes, edges, content = graph("run-job-2")
    assert content["focus"] == "run run-job-2" and content["remarks"] == []
    assert edges >= {
        (f"data {DATA_MD5}", "", "run run-job-2"),
        ("code c0ffee", "", "run run-job-2"),
        ("version tiny 1", "begun from", "run run-job-2"),
        ("version tiny 1", "compared with", "run run-job-2"),
        ("run run-job-1", "registered", "version tiny 1"),
        ("base model package://base/model", "", "run run-job-1"),
    }
    assert "promotion tiny #1" not in nodes, "what else came of version 1 is not what the run was made with"


def test_a_version_leads_on_to_promotions_deployments_and_what_was_begun_from_it(versions: list[str]) -> None:
    _, edges, _ = graph("tiny", "1")
    assert edges >= {
        ("run run-job-1", "registered", "version tiny 1"),
        ("version tiny 1", "promoted", "promotion tiny #1"),
        ("version tiny 1", "begun from", "run run-job-2"),
        ("run run-job-2", "registered", "version tiny 2"),
        ("version tiny 2", "promoted", "promotion tiny #2"),
        ("version tiny 2", "deployed", "deployment tiny of this machine"),
        ("run run-job-2", "steps reused", "run run-job-3"),
    }
    assert ("version tiny 1", "deployed", "deployment tiny of this machine") not in edges


@pytest.mark.parametrize("named", [DATA_MD5, DATA_MD5.removesuffix(".dir"), "tickets.dvc"])
def test_data_leads_on_to_all_that_came_of_it(
    versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    out = f"md5: {DATA_MD5}, size: 1, nfiles: 1, hash: md5, path: tickets"
    (tmp_path / "tickets.dvc").write_text(f"outs: [{{{out}}}]")
    nodes, edges, content = graph("--data", named)
    assert {edge[2] for edge in edges if edge[0] == f"data {DATA_MD5}"} == {f"run run-job-{n}" for n in (1, 2, 3)}
    assert {"version tiny 1", "version tiny 2", "deployment tiny of this machine"} < nodes
    assert content["recorded"] == {}


def test_the_screen_shows_both_trees_and_what_is_not_known(versions: list[str]) -> None:
    shown = lineage("tiny", "2").stdout
    before, after = shown.split("version tiny 2: what came of it")
    assert "version tiny 2: made with" in before and "begun from: version tiny 1, former champion" in before
    assert "deployed: deployment tiny of this machine" in after and "it is better" in after
    rows = dict(re.split(r" {2,}", line.strip(), maxsplit=1) for line in before.splitlines() if "   " in line.strip())
    assert (rows["commit"], rows["seed"], rows["version"]) == ("c0ffee", "not recorded", "2")


def test_a_log_that_was_edited_is_a_remark(versions: list[str], workspace: Path) -> None:
    (workspace / "promotions/tiny/000001.json").write_text("{}")
    nodes, _, content = graph("tiny", "1")
    assert any("000001.json" in remark for remark in content["remarks"])
    assert "run run-job-2" in nodes


def test_a_deleted_version_is_shown_as_one(versions: list[str]) -> None:
    from components.base.mlflow_client import connect

    connect().delete_model_version("tiny", "1")
    _, edges, content = graph("run-job-2")
    assert ("version tiny 1", "begun from", "run run-job-2") in edges
    assert {"kind": "version", "name": "tiny 1", "notes": ["deleted"]} in content["nodes"]
    assert any("no version 1" in remark for remark in content["remarks"])


def test_the_page_draws_each_node_and_link_and_loads_nothing(versions: list[str], tmp_path: Path) -> None:
    registry.tag_version("tiny", "1", {"textgate.state": "<b>champion</b>"})
    page = tmp_path / "lineage.html"
    assert "wrote" in lineage("tiny", "1", "--html", str(page)).stdout
    nodes, edges, _ = graph("tiny", "1")
    html = page.read_text()
    (drawn,) = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    svg = ElementTree.fromstring(drawn)
    assert len(svg.findall("{*}g")) == len(nodes) and len(svg.findall("{*}path")) == len(edges)
    titles = {(group.findtext("{*}title") or "").partition("\n")[0] for group in svg.findall("{*}g")}
    assert titles == nodes
    texts = svg.findall(".//{*}text")
    assert len(texts) == 2 * len(nodes) and any(text.get("textLength") for text in texts)
    for text in texts:
        length = len(text.text or "")
        fitted = text.get("font-size") != "11" and length > drawing.MANY
        assert length <= drawing.LETTERS and bool(text.get("textLength")) is fitted
    assert "<b>" not in html and not re.search(r"(src|href)=", html)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "takes a RUN"),
        (["run-job-1", "--data", DATA_MD5], "takes a RUN"),
        (["nobody"], "no run with the name"),
        (["tiny", "9"], "no version 9"),
        (["--data", "f" * 32], "no run of the data"),
        (["--data", "data/"], "takes an md5"),
    ],
)
def test_what_is_not_there_is_said(workspace: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(TextgateError, match=said):
        lineage(*arguments)
