"""The locks of the images: whole, hashed, of one mind with requirements.lock, and installable."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.images.dockerfile import ROOT

LOCKS = ["build", "pipeline-cpu", "pipeline-gpu", "serving"]
UV = Path(sys.executable).with_name("uv")
UNREACHABLE = re.compile(r"dns error|error sending request|Connection refused|timed out|unreachable", re.IGNORECASE)


def entries(lock: str) -> dict[str, str]:
    """Each requirement and its hashes."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "infra" / "image" / f"{lock}.lock").read_text().strip()):
        first, *hashes = [line.strip().removesuffix(" \\") for line in entry.splitlines()]
        found[first] = " ".join(hashes)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_and_hashes_all_and_names_no_registry(lock: str) -> None:
    assert entries(lock)
    for requirement, hashes in entries(lock).items():
        assert re.fullmatch(r"[a-z0-9.-]+==[0-9][^\s;]*( ; .+)?", requirement)
        assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}( --hash=sha256:[0-9a-f]{64})*", hashes), requirement


def test_images_have_what_the_tests_ran_with() -> None:
    everything = set(re.findall(r"^\S+==[^\s;]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    for lock in LOCKS:
        names = {requirement.partition(" ;")[0] for requirement in entries(lock)}
        new = {name for name in names - everything if not (lock == "pipeline-gpu" and name.startswith("nvidia-"))}
        assert not new, f"{lock}.lock is not of requirements.lock; make lock"


def test_serving_is_slim() -> None:
    names = {requirement.partition("==")[0] for requirement in entries("serving")}
    assert not names & {"tensorflow", "keras", "kfp", "mlflow-skinny", "mlflow", "boto3", "pandas", "pydantic", "onnx"}
    assert len(names) < 25


def test_gpu_has_cuda_beyond_the_cpu() -> None:
    beyond = entries("pipeline-gpu").keys() - entries("pipeline-cpu").keys()
    assert {requirement.partition("==")[0] for requirement in beyond} >= {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"}
    assert not entries("pipeline-cpu").keys() - entries("pipeline-gpu").keys()


@pytest.mark.slow
@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_resolves_for_the_images_system(lock: str, python: str, tmp_path: Path) -> None:
    """Each file of it is there, with its hash, for Linux on x86_64; only metadata is fetched."""
    file = ROOT / "infra" / "image" / f"{lock}.lock"
    where = (
        "--target",
        str(tmp_path / "none"),
        "--python-version",
        python,
        "--python-platform",
        "x86_64-manylinux_2_28",
    )
    command = [str(UV), "pip", "install", "--dry-run", "--no-deps", "--require-hashes", *where, "-r", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip(f"the package index does not answer: {done.stderr.strip().splitlines()[-1]}")
    assert not done.returncode, done.stderr
    assert re.search(rf"Would install {len(wanted(lock, python))} packages?$", done.stderr, re.MULTILINE)


def wanted(lock: str, python: str) -> list[str]:
    """The requirements whose markers hold there."""
    system = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
    }
    requirements = map(Requirement, entries(lock))
    return [one.name for one in requirements if not one.marker or one.marker.evaluate(system)]
