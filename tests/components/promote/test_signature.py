from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from components.promote.signature import differences, read_signature

TEXT, PAIR = [{"type": "string"}], [{"type": "string", "name": "text"}, {"type": "string", "name": "text_pair"}]
TOP_K = [{"type": "long", "name": "top_k"}]


def made(task: str = "single-label", labels: str = "abc", **parts: Any) -> dict[str, Any]:
    written = {part: json.dumps(value) for part, value in {"inputs": TEXT, "params": TOP_K, **parts}.items()}
    mlmodel = {"signature": written} if parts.get("inputs", TEXT) else {}
    return read_signature(json.dumps({"task": task, "labels": list(labels)}).encode(), yaml.safe_dump(mlmodel).encode())


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (made(), []),
        (made(labels="cab"), []),
        (made(labels="abd"), ["no more label c", "new label d"]),
        (made(labels="abcdefghij"), ["new label d, e, f, g, h and 2 more"]),
        (made(task="multi-label"), ["the task is multi-label, and was single-label"]),
        (made(inputs=PAIR), ["inputs are text (string), text_pair (string), and were text (string)"]),
        (made(params=None), ["params are none, and were top_k (long)"]),
        (made(inputs=None), []),
    ],
)
def test_what_callers_see_is_told_in_words(after: dict[str, Any], told: list[str]) -> None:
    assert differences(made(), after) == told
