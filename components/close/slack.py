"""The facts of a run that ended as Slack, and what takes its messages, shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.base.metric_names import METRICS

LONGEST = 3000
MARKS = {"succeeded": ":white_check_mark:", "refused": ":no_entry:", "failed": ":x:", "canceled": ":stop_button:"}
NAMES = {"mlflow": "MLflow run", "kubeflow": "Kubeflow run"}


def message(facts: Mapping[str, Any]) -> dict[str, str]:
    """At most LONGEST characters; what does not fit is cut from the failure or summary."""
    head = f"{MARKS[facts['outcome']]} *{safe(facts['model'])}*: {facts['outcome']}"
    if facts["verdict"]:
        version = f", version {safe(facts['version'])}" if facts["version"] else ""
        head += f" ({safe(facts['verdict'])}{version})"
    lines = [head, f"run {safe(facts['run'])}"]
    if facts["metrics"]:
        lines.append(", ".join(f"{METRICS[key].words} {value:.3f}" for key, value in facts["metrics"].items()))
    if facts["failed_step"]:
        lines.append(f"step {safe(facts['failed_step'])} failed")
    links = [f"<{_url(url)}|{NAMES[name]}>" for name, url in facts["links"].items()]
    before, after = "\n".join(lines)[: LONGEST // 2], "\n".join(["", *links])[: LONGEST // 4]
    said = _fitting(facts["failure"] or facts["summary"], LONGEST - len(before) - len(after) - len("\n```\n\n```"))
    return {"text": f"{before}\n```\n{said}\n```{after}" if said else before + after}


def safe(text: str) -> str:
    """Shows as it is: no mention of people or channels, no markup, no link of its own."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return escaped.replace("@", "@\u200b")


def _fitting(text: str, room: int) -> str:
    """As safe, cut between characters and not in what stands for one."""
    text = text.strip()
    if len(whole := safe(text)) <= room:
        return whole
    kept, length = [], 1
    for character in map(safe, text):
        length += len(character)
        if length > room:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _url(url: str) -> str:
    return url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
