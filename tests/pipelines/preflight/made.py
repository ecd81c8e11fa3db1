"""Settings that name services of this machine, and what a check found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.base.settings import Settings
from pipelines.preflight.line import Line


def make_settings(**changes: Any) -> Settings:
    """`changes` are sections."""
    raw = {
        "name": "tiny",
        "data": {"remotes": ["s3://textgate/dvc"], "labels": ["bad", "good"]},
        "base_model": {"reference": "s3://textgate/base"},
        "promote": {"mode": "auto", "log": "s3://textgate/promotions"},
        **changes,
    }
    return Settings.model_validate(raw)


def states(lines: Sequence[Line]) -> dict[str, str]:
    return {line.check: line.state for line in lines}


def named(lines: Sequence[Line], check: str) -> Line:
    (line,) = (line for line in lines if line.check == check)
    return line
