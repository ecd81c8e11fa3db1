"""What is wrong with settings, said by key, value and what is allowed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    """One line for each fault; `model` is what was validated, `where` the file or section it came from."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"]) or "the whole"
        if fault["type"] == "extra_forbidden":
            allowed = ", ".join(_allowed_keys(model, fault["loc"]))
            lines.append(f"{key}: unknown key (value {fault['input']!r}); allowed here: {allowed}")
        elif fault["type"] == "missing":
            lines.append(f"{key}: missing")
        else:
            value = "" if isinstance(fault["input"], dict) else f" (value {fault['input']!r})"
            lines.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}{value}")
    return f"{where} is not valid:\n  " + "\n  ".join(lines)


def _allowed_keys(model: Any, location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        model = getattr(getattr(model, "model_fields", {}).get(part), "annotation", None)
    return sorted(getattr(model, "model_fields", {}))
