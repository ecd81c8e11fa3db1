"""What this machine computes with, as far as the speed of a quantized model depends on it."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import Any

# By architecture, the flags of /proc/cpuinfo of which one or more must be there.
INSTRUCTIONS: dict[str, dict[str, set[str]]] = {
    "x86_64": {
        "AVX2": {"avx2"},
        "AVX-512": {"avx512f"},
        "VNNI": {"avx512_vnni", "avx_vnni"},
        "AMX": {"amx_int8"},
    },
    "aarch64": {"DOTPROD": {"asimddp"}, "I8MM": {"i8mm"}},
}


def processor() -> dict[str, Any]:
    """`name`, `machine`, `cores` that this process may use, and of the instructions for int8 those it `has` and
    `lacks`: both empty where that cannot be known."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        cpuinfo = ""
    machine = platform.machine()
    return {"machine": machine, "cores": count_cores(), **described(cpuinfo, machine)}


def count_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Those that this process may use; a container's CPU limit counts, rounded up."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, _, period = quota.read_text(encoding="ascii").partition(" ")
        return max(1, min(there, math.ceil(int(most) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no cgroup v2, or "max"
        return there


def described(cpuinfo: str, machine: str) -> dict[str, Any]:
    """`name`, `has` and `lacks`, from the text of /proc/cpuinfo."""
    found: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    flags = set(found.get("flags", found.get("Features", "")).split())
    known = INSTRUCTIONS.get(machine, {}) if flags else {}
    return {
        "name": found.get("model name") or platform.processor() or machine,
        "has": [name for name, needed in known.items() if needed & flags],
        "lacks": [name for name, needed in known.items() if not needed & flags],
    }
