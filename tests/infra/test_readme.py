"""infra/README.md: its example is a config, its links lead somewhere, its commands are there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from components.base.settings import load
from pipelines.cli import COMMANDS
from tests.infra.kustomize.objects import README, ROOT, documented_secrets, of_kind
from tests.tiny_project import write_config

TEXT = README.read_text()


def test_the_example_is_a_config_for_these_manifests(tmp_path: Path) -> None:
    block = TEXT[TEXT.index("    cluster:\n") :]
    block = block[: block.index("\n\n")].replace("<64 hex digits>", "0" * 64)
    example = yaml.safe_load(block)
    settings = load(write_config(tmp_path, **example))
    assert settings.cluster.resources.of("finetune").gpus == 1
    place, secrets = settings.cluster.namespace, documented_secrets()
    for mounted in settings.cluster.secrets:
        assert set(mounted.env.values()) == secrets[place, mounted.name]
    assert (settings.deploy.kserve.namespace, settings.deploy.kserve.secret) in secrets
    assert settings.notify.key in secrets[place, settings.notify.secret]
    accounts = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in of_kind("staging", "ServiceAccount")}
    assert (place, settings.cluster.service_account) in accounts
    assert (settings.deploy.kserve.namespace, settings.deploy.kserve.service_account) in accounts
    hosts = {f"{one['metadata']['name']}.{one['metadata']['namespace']}.svc" for one in of_kind("staging", "Service")}
    assert set(re.findall(r"//([\w.-]+\.svc)", block)) <= hosts


def test_links_lead_somewhere() -> None:
    found = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert links and set(links) <= headings
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", TEXT, re.MULTILINE)) <= targets


def test_commands_are_there() -> None:
    named = set(re.findall(r"`(?:\. )?textgate ([a-z-]+)", TEXT))
    assert {"deploy", "rollback", "reconcile"} <= named
    assert named <= COMMANDS.keys()
