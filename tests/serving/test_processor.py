from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from serving.processor import described, processor

NAMES = ["AVX2", "AVX-512", "VNNI", "AMX"]


def intel(flags: str) -> str:
    return f"processor\t: 0\nmodel name\t: Some Xeon\nflags\t\t: fpu {flags}\n\nprocessor\t: 1\nflags\t\t: fpu\n"


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("avx", ""),
        ("avx2 fma", "AVX2"),
        ("avx2 avx_vnni", "AVX2 VNNI"),
        ("avx2 avx512f avx512_vnni", "AVX2 AVX-512 VNNI"),
        ("avx2 avx512f avx512_vnni amx_tile amx_int8", "AVX2 AVX-512 VNNI AMX"),
        ("avx2 avx512f avx512_vnni amx_tile amx_bf16", "AVX2 AVX-512 VNNI"),
    ],
)
def test_flags_are_told_as_instructions(flags: str, has: str) -> None:
    found = described(intel(flags), "x86_64")
    assert found["name"] == "Some Xeon"
    assert found["has"] == has.split()
    assert found["lacks"] == [name for name in NAMES if name not in has.split()]


def test_arm_has_features_and_no_name() -> None:
    found = described("processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd0c\n", "aarch64")
    assert (found["has"], found["lacks"]) == (["DOTPROD"], ["I8MM"])
    assert found["name"]


@pytest.mark.parametrize(("cpuinfo", "machine"), [("", "x86_64"), ("", "arm64"), (intel("avx2"), "riscv64")])
def test_what_cannot_be_known_is_neither_there_nor_lacking(cpuinfo: str, machine: str) -> None:
    found = described(cpuinfo, machine)
    assert (found["has"], found["lacks"]) == ([], [])
    assert found["name"]


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="this system has no /proc/cpuinfo")
def test_this_machine_is_described() -> None:
    found = processor()
    assert (found["machine"], found["cores"]) == (platform.machine(), len(os.sched_getaffinity(0)))
    assert ("AVX2" in found["has"]) == (" avx2 " in Path("/proc/cpuinfo").read_text())
