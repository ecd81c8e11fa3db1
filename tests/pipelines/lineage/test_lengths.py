"""How long a run's parameters may be: held against what Linux lets kfp's local runner and Argo hand on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler

from components.base.errors import TextgateError
from pipelines.lineage.lengths import MOST_HERE, MOST_OF_OLD, MOST_ON_CLUSTER, check_length, too_long
from tests.pipelines.lineage.taking import taking

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "pipelines" / "golden" / "finetune-everything.yaml"
# Of one argument or variable, with the zero at its end.
LINUX = 131_072
LABELS = [f"label {number}" for number in range(1500)]


def section(**content: Any) -> str:
    return json.dumps(content, ensure_ascii=False)


def filled(parameters: dict[str, str], on_cluster: bool) -> dict[str, str]:
    """With as much in lineage_files as is allowed."""
    least, most = 0, LINUX
    while most - least > 1:
        middle = (least + most) // 2
        if too_long({**parameters, "lineage_files": "x" * middle}, on_cluster):
            most = middle
        else:
            least = middle
    return {**parameters, "lineage_files": "x" * least}


def run_here(folder: Path, arguments: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    compiler.Compiler().compile(taking, str(folder / "pipeline.yaml"))
    (folder / "arguments.json").write_text(json.dumps(arguments))
    paths = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pipelines.local.worker", str(folder)]
    return subprocess.run(command, env={**os.environ, **paths}, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_longest_that_a_step_here_may_be_given_arrives(tmp_path: Path) -> None:
    longest = filled({"lineage": json.dumps({"run_name": "a" * 900})}, on_cluster=False)
    assert sum(map(len, longest.values())) > MOST_HERE - 1000
    ran = run_here(tmp_path / "run", longest)
    assert ran.returncode == 0 and f"took {len(longest['lineage_files'])}" in ran.stdout
    ran = run_here(tmp_path / "again", {**longest, "lineage_files": "x" * LINUX})
    assert ran.returncode and "Argument list too long" in ran.stderr + ran.stdout


def template(parameters: dict[str, str], old: bool) -> str:
    """Of the root's driver, as Argo writes it: arguments, with the inputs in their places, and before 3.6 inputs."""
    root = next(yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8")))["root"]
    inputs = {
        "component": json.dumps(root),
        "runtime-config": json.dumps({"parameterValues": parameters}, ensure_ascii=False),
    }
    arguments = [word for name, value in inputs.items() for word in (f"--{name}", value)]
    container = {"image": "x" * 200, "args": arguments}
    written = {"inputs": inputs if old else {}, "container": container, "metadata": "x" * 1000}
    return json.dumps(written, ensure_ascii=False)


def has_room(variable: str) -> bool:
    try:
        return subprocess.run(["true"], env={"ARGO_TEMPLATE": variable}, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("settings", [section(seed=1), section(behaviour=['"'] * 999), section(words=["слово"] * 1000)])
def test_the_longest_that_a_cluster_may_be_given_is_one_variable(settings: str) -> None:
    longest = filled({"evaluate_settings": settings}, on_cluster=True)
    assert has_room(template(longest, old=True)) and not check_length(longest, on_cluster=True)
    files = longest["lineage_files"]
    for_new = {**longest, "lineage_files": files + "x" * (MOST_ON_CLUSTER - MOST_OF_OLD)}
    assert has_room(template(for_new, old=False)) and not has_room(template(for_new, old=True))
    assert "before Argo Workflows 3.6, 58,000 are the most" in check_length(for_new, on_cluster=True)
    for_none = {**longest, "lineage_files": files + "x" * (LINUX - MOST_OF_OLD)}
    assert not has_room(template(for_none, old=False))
    with pytest.raises(TextgateError, match="too long to travel with the run"):
        check_length(for_none, on_cluster=True)


def test_no_step_takes_more_than_is_counted_here() -> None:
    components = next(yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8")))["components"]
    for name, component in components.items():
        if "executorLabel" in component:
            taken = set(component["inputDefinitions"]["parameters"])
            assert not {"settings", "lineage_files"} <= taken and not [
                one for one in taken if one.endswith("_settings")
            ]
            assert name == "comp-resolve" or "lineage_files" not in taken


def test_sections_of_several_steps_add_up_on_a_cluster_alone() -> None:
    labels = section(data={"labels": LABELS, "task": "single-label"}, suite=["x" * 5000])
    parameters = {f"{step}_settings": labels for step in ("validate", "tokenize", "evaluate")}
    parameters |= {"lineage": "{}", "lineage_files": "x" * 20_000, "gate_settings": section(options={"rules": {}})}
    check_length(parameters, on_cluster=False)
    with pytest.raises(TextgateError) as refused:
        check_length(parameters, on_cluster=True)
    assert "a run on a cluster can be given 110,000; shorten data.labels, which takes the most" in str(refused.value)
    assert "(for validate, tokenize, evaluate), or run it on this machine" in str(refused.value)
    with pytest.raises(TextgateError, match=r"a step can be given 120,000; shorten data\.labels, .* \(for evaluate\)$"):
        check_length({"evaluate_settings": section(data={"labels": LABELS * 6})}, on_cluster=False)
