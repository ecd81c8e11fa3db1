"""What `kubectl kustomize` builds, read for tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
KUSTOMIZE = ROOT / "infra" / "kustomize"
README = ROOT / "infra" / "README.md"
OVERLAYS = ("staging", "production")


@cache
def build(overlay: str) -> list[Manifest]:
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", KUSTOMIZE / "overlays" / overlay], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "kustomize warns of something"
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    return [found for found in build(overlay) if found["kind"] in kinds]


def named(found: Manifest) -> str:
    metadata = found["metadata"]
    return f"{found['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def pod_templates(overlay: str) -> Iterator[tuple[str, str, Manifest]]:
    """The workload's name, its namespace, and the pod's metadata and spec."""
    for found in build(overlay):
        spec = found.get("spec", {})
        if found["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if found["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
            yield named(found), found["metadata"]["namespace"], spec["template"]


def containers(template: Manifest) -> list[Manifest]:
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def documented_secrets() -> dict[tuple[str, str], set[str]]:
    """Namespace and name to keys, from the table of infra/README.md."""
    rows = (line.split("|") for line in README.read_text().splitlines() if line.startswith("| `textgate-"))
    cells = ([cell.strip() for cell in row[1:4]] for row in rows)
    return {(place.strip("`"), name.strip("`")): set(keys.replace("`", "").split(", ")) for place, name, keys in cells}
