"""The parts of the Prometheus operator's two kinds that are used here, closed: a field they do not name is a fault."""

from __future__ import annotations

from typing import Any


def closed(required: list[str], **fields: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": fields}


TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT}
TEXT_MAP = {"type": "object", "additionalProperties": TEXT}
DURATION = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w|y)$"}
METADATA = closed(["name", "namespace"], name=TEXT, namespace=TEXT, labels=TEXT_MAP)
ALERT = closed(
    ["alert", "expr", "labels", "annotations"],
    alert={"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
    expr=TEXT,
    labels=closed(["severity"], severity={"enum": ["warning", "critical"]}),
    annotations=closed(["summary", "runbook_url"], summary=TEXT, runbook_url=TEXT),
    **{"for": DURATION},
)
GROUP = closed(["name", "rules"], name=TEXT, rules={"type": "array", "items": ALERT})
EXPRESSION = closed(
    ["key", "operator"], key=TEXT, operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}, values=TEXTS
)
RELABELING = closed(
    ["sourceLabels"],
    sourceLabels=TEXTS,
    targetLabel=TEXT,
    regex=TEXT,
    replacement=TEXT,
    action={"enum": ["keep", "drop", "replace"]},
)
ENDPOINT = closed(["path"], path=TEXT, interval=DURATION, relabelings={"type": "array", "items": RELABELING})


def kind(spec: dict[str, Any]) -> dict[str, Any]:
    return closed(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind=TEXT,
        metadata=METADATA,
        spec=spec,
    )


SCHEMAS = {
    "PrometheusRule": kind(closed(["groups"], groups={"type": "array", "items": GROUP})),
    "PodMonitor": kind(
        closed(
            ["selector", "podMetricsEndpoints"],
            selector=closed([], matchLabels=TEXT_MAP, matchExpressions={"type": "array", "items": EXPRESSION}),
            podTargetLabels=TEXTS,
            podMetricsEndpoints={"type": "array", "items": ENDPOINT},
        )
    ),
}
