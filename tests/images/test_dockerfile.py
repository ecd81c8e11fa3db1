"""What the Dockerfile says: each image holds what its code imports, and is as quiet as a run on this machine."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipelines.images.building import TARGETS, default_base, default_tag
from pipelines.local.launch import QUIET
from tests.images.dockerfile import ROOT, imported, instructions, sources

PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}")


@cache
def held(target: str) -> set[str]:
    """The distributions of its lock."""
    lock = (ROOT / "infra" / "image" / f"{target}.lock").read_text()
    return {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)}


@cache
def providers(top: str) -> set[str]:
    return {canonicalize_name(name) for name in all_providers().get(top, [])}


all_providers = cache(packages_distributions)


def is_provided(module: str, target: str) -> bool:
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or bool(providers(top) & held(target))


def file_of(module: str) -> Path | None:
    """Where the module lies in this repository."""
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@pytest.mark.parametrize("target", ["pipeline-cpu", "pipeline-gpu"])
def test_steps_import_what_their_image_holds(target: str) -> None:
    packages = {source for source in sources(target) if (ROOT / source).is_dir()}
    assert packages == {"components", "serving"} and f"infra/image/{target}.lock" in sources(target)
    for file in (file for package in packages for file in sorted((ROOT / package).rglob("*.py"))):
        for module in imported(ast.parse(file.read_text())):
            ours = module.partition(".")[0] in packages
            assert ours or is_provided(module, target), f"{file} imports {module}, which {target} does not have"


def test_server_imports_what_its_image_holds() -> None:
    copied = [ROOT / source for source in sources("serving")]
    waiting, seen = ["serving.server", "serving.bench"], set()
    while waiting:
        module = waiting.pop()
        file = file_of(module)
        if module.partition(".")[0] not in ("components", "serving", "pipelines"):
            assert is_provided(module, "serving"), f"serving imports {module}, which its image does not have"
        elif file and file not in seen:
            seen.add(file)
            assert any(file == one or file.is_relative_to(one) for one in copied), f"{file} is not in the image"
            waiting += imported(ast.parse(file.read_text()))
            waiting += [module.rpartition(".")[0]] if "." in module else []
    copied_files = {source for source in copied if source.is_file() and source.suffix == ".py"}
    assert copied_files <= seen, f"nothing imports {copied_files - seen}"


@pytest.mark.parametrize("target", TARGETS)
def test_images_are_quiet_and_nothing_forbids_their_bytecode(target: str) -> None:
    stages = ["runtime", *(["pipeline"] if target != "serving" else []), target]
    lines = [line for stage in stages for line in instructions(stage)]
    env = dict(pair.split("=", 1) for line in lines if line.startswith("ENV ") for pair in line.split()[1:])
    wanted = QUIET if target != "serving" else {"DO_NOT_TRACK": "true", "PYTHONUNBUFFERED": "1"}
    assert env.items() >= wanted.items()
    assert not any("DONTWRITEBYTECODE" in line for line in lines)


def test_files_that_images_copy_reach_the_build() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    kept = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for source in sources():
        places = [Path(source), *Path(source).parents]
        assert any(place.match(pattern) for place in places for pattern in kept), source
        assert (ROOT / source).exists(), source


def test_base_is_pinned_and_named_once() -> None:
    assert PINNED.fullmatch(default_base())
    assert "ARG BASE_IMAGE" in instructions()
    bases = {line.split()[1] for line in instructions() if line.startswith("FROM ")}
    stages = {line.split()[3] for line in instructions() if line.startswith("FROM ")}
    assert bases - stages == {"${BASE_IMAGE}"}
    assert set(TARGETS) <= stages


def test_a_step_runs_in_the_image_that_is_built() -> None:
    assert f'"{default_tag("pipeline-cpu")}"' in (ROOT / "components" / "base" / "image.py").read_text()
    for target in re.findall(r"textgate image build ([a-z]\S+)", (ROOT / "README.md").read_text()):
        assert target in TARGETS
