"""Whether an answer has the shape of the API's models: the client takes many another for one with nothing in it."""

from __future__ import annotations

import json
from typing import Any

import kfp_server_api as api

# What some installations say of their health, beside or in place of the model's fields.
HEALTH = {"commit_sha", "tag_name"}
STRANGE = "the answer is not what the API promises"


def check_answer(text: str | bytes, kind: str) -> None:
    """Raises ApiException where it is no JSON object, or none of that kind."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not _fits(answer, kind) or (answer and not _knows(answer, kind)):
        raise api.ApiException(200, STRANGE)


def _knows(answer: dict[str, Any], kind: str) -> bool:
    known = _written(kind)
    return not known or not answer.keys().isdisjoint(known.keys() | HEALTH)


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        return True
    if kind.startswith("list["):
        return isinstance(value, list) and all(_fits(one, kind[5:-1]) for one in value)
    if kind.startswith("dict("):
        inner = kind[5:-1].partition(", ")[2]
        return isinstance(value, dict) and all(_fits(one, inner) for one in value.values())
    known = _written(kind)
    if not known:
        return True
    return isinstance(value, dict) and all(_fits(value[key], of) for key, of in known.items() if key in value)


def _written(kind: str) -> dict[str, str]:
    """The fields of a model as JSON has them, and the kind of each; none for what is no model, or one of words."""
    model = getattr(api.models, kind, None)
    types: dict[str, str] = getattr(model, "openapi_types", {})
    return {model.attribute_map[name]: of for name, of in types.items()} if model is not None else {}
