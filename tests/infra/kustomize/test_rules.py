"""Each alert, tried by Prometheus' own promtool on series for which it must fire and must not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from prometheus_client import generate_latest

from serving.metrics import Metrics
from serving.models import Slot
from tests.infra.kustomize.objects import OVERLAYS, README, build, of_kind

CASES = Path(__file__).parent / "rules"
# The case of confidence covers a week, in larger steps.
GROUPS = {"serving": "textgate-serving", "confidence": "textgate-serving", "platform": "textgate-platform"}


def rules(name: str) -> list[dict[str, str]]:
    (found,) = [one for one in of_kind("staging", "PrometheusRule") if one["metadata"]["name"] == GROUPS[name]]
    (group,) = found["spec"]["groups"]
    return group["rules"]


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool here: apt-get install prometheus")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def write(folder: Path, name: str, alerts: list[dict[str, str]]) -> None:
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": name, "rules": alerts}]}))
    shutil.copyfile(CASES / f"{name}.yaml", folder / "cases.yaml")


@pytest.mark.parametrize("name", GROUPS)
def test_each_alert_fires_when_it_should(name: str, tmp_path: Path) -> None:
    write(tmp_path, name, rules(name))
    checked = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool(tmp_path, "test", "rules", "cases.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def firing(name: str) -> set[str]:
    """The alerts for which the file has a moment at which they fire, and one at which they do not."""
    cases = yaml.safe_load((CASES / f"{name}.yaml").read_text())["tests"]
    asked = [one for case in cases for one in case["alert_rule_test"]]
    fires, silent = ({one["alertname"] for one in asked if bool(one["exp_alerts"]) is yes} for yes in (True, False))
    return fires & silent


def test_each_alert_is_tried() -> None:
    tried = {alert for name in GROUPS for alert in firing(name)}
    assert tried == {rule["alert"] for rule in rules("serving") + rules("platform")}


@pytest.mark.slow
@pytest.mark.parametrize("name", GROUPS)
def test_the_cases_notice_an_alert_that_is_broken(name: str, tmp_path: Path) -> None:
    for broken in (rule for rule in rules(name) if rule["alert"] in firing(name)):
        never = {**broken, "expr": f"({broken['expr']}) and on () vector(1) > 2"}
        write(tmp_path, name, [never if rule is broken else rule for rule in rules(name)])
        assert promtool(tmp_path, "test", "rules", "cases.yaml").returncode != 0, broken["alert"]


def test_each_alert_has_its_heading_in_the_runbook() -> None:
    headings = re.findall(r"^#+ (.+)$", README.read_text(), re.MULTILINE)
    for rule in rules("serving") + rules("platform"):
        assert rule["alert"] in headings
        assert rule["annotations"]["runbook_url"] == f"infra/README.md#{rule['alert'].lower()}"


def test_the_alerts_of_the_servers_ask_for_metrics_that_servers_have() -> None:
    manifest = SimpleNamespace(precision="int8")
    model = SimpleNamespace(name="m", version="1", predictor=SimpleNamespace(digest="d", manifest=manifest))
    slot = Slot(model)  # type: ignore[arg-type]
    metrics = Metrics(slot)
    metrics.request(200, 0.1)
    shown = generate_latest(metrics.registry).decode()
    asked = {name for rule in rules("serving") for name in re.findall(r"textgate_\w+", rule["expr"])}
    assert len(asked) >= 7
    for name in asked:
        assert re.search(rf"^(# TYPE )?{name}\b", shown, re.MULTILINE), name
    outcomes = {found for rule in rules("serving") for found in re.findall(r'outcome="(\w+)"', rule["expr"])}
    assert outcomes and outcomes <= slot.swaps.keys()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_rules_are_in_each_overlay(overlay: str) -> None:
    assert len(of_kind(overlay, "PrometheusRule")) == 2 and len(of_kind(overlay, "PodMonitor")) == 1
    assert {found["kind"] for found in build(overlay)} >= {"PrometheusRule"}
