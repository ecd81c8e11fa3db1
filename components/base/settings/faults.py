"""What is wrong with settings, said by key, value and what is allowed."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

# Where secrets are named: what stands there by mistake may be one, and is not shown.
PRIVATE = ("cluster.auth.", "cluster.env.", "cluster.secrets.", "notify.")


def explain(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    """One line for each fault; `model` is what was validated, `where` the file or section it came from."""
    return listed(where, fault_lines(error, model))


def listed(where: str, lines: list[str]) -> str:
    return f"{where} is not valid:\n  " + "\n  ".join(lines)


def fault_lines(error: ValidationError, model: type[BaseModel], under: str = "") -> list[str]:
    """`under` is the key that what was validated stands under."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in [*([under] if under else []), *fault["loc"]]) or "the whole"
        if fault["type"] == "extra_forbidden":
            allowed = ", ".join(_allowed_keys(model, fault["loc"]))
            # Its value is not shown: it may be a secret that has no place in a config.
            lines.append(f"{key}: unknown key; allowed here: {allowed}")
        elif fault["type"] == "missing":
            lines.append(f"{key}: missing")
        else:
            shown = not isinstance(fault["input"], dict) and not f"{key}.".startswith(PRIVATE)
            value = f" (value {fault['input']!r})" if shown else ""
            hint = "; put it in quotes" * (
                fault["type"] == "string_type" and not isinstance(fault["input"], dict | list)
            )
            lines.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}{value}{hint}")
    return lines


def _allowed_keys(kind: Any, location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        if hasattr(kind, "model_fields"):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        else:  # the items of a list, the values of a dict
            kind = next(reversed(get_args(kind)), None)
    return sorted(getattr(kind, "model_fields", {}))
