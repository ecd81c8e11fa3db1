"""KServe's and Triton's own clients, which have an environment of their own, find everything as the protocol says."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.serve.clients import ask


@pytest.mark.slow
def test_clients_of_others_are_answered(tiny: ModuleType, running: ModuleType, tmp_path: Path) -> None:
    if not os.environ.get("KSERVE_PYTHON"):
        pytest.skip("KSERVE_PYTHON names no python with kserve and tritonclient")
    tiny.write_bundle(tmp_path / "bundle")
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle"), "--version", "7") as server:
        said = ask(str(server.http.base_url), "tiny", "7", {"good ü": "positive", "bad": "negative"})
    assert {call: why for call, why in said.items() if why} == {}
    assert {call.split()[0] for call in said} == {"kserve", "triton"} and len(said) > 20
