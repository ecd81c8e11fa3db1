"""The figures of `textgate bundle bench` that a config names, as the gate needs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from components.base.errors import TextgateError
from components.base.settings.gate import GateSettings
from components.base.settings.section import Section, Text

Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Bench(Section):
    """Of the bundle with this `digest`, on this `processor`, which lacks the instructions named; `threads` 0: all
    cores."""

    digest: Text
    processor: Text
    lacks: list[str]
    threads: int
    p50_ms: Figure
    p95_ms: Figure
    texts_per_second: Figure
    load_s: Figure


def read_bench(gate: GateSettings) -> Bench | None:
    """What the file gate.bench says of its bundle; None where it names no file.

    Raises TextgateError naming the file where it cannot be read or is no bench.
    """
    if not gate.bench:
        return None
    path = Path(gate.bench)
    try:
        return _parsed(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TextgateError(f"the bench {path} (gate.bench) cannot be read: {error.strerror}") from None
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
        raise TextgateError(
            f"the bench {path} (gate.bench) is not what `textgate bundle bench BUNDLE --output FILE` writes"
        ) from None


def _parsed(content: dict[str, Any]) -> Bench:
    bundle, processor, figures = content["bundle"], content["processor"], content["models"]["bundle"]
    return Bench.model_validate(
        {
            "digest": bundle["digest"],
            "processor": processor["name"],
            "lacks": processor["lacks"],
            "threads": content["threads"],
            **{name: figures[name] for name in ("p50_ms", "p95_ms", "texts_per_second", "load_s")},
        }
    )
