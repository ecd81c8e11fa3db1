"""A run's task details: one for each node of the workflow; drivers, pods and graphs stand among the steps."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import kfp_server_api as api

from tests.pipelines.loopback_kfp.state import State

WORKFLOW = "textgate-finetune-x7k2p"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def node_of(step: str, kind: str = "executor") -> str:
    """The name of a node, by which its log is asked for."""
    number = sum((place + 1) * ord(letter) for place, letter in enumerate(f"{step}/{kind}"))
    return f"{WORKFLOW}-{number}"


def task_details(state: State, run_id: str, now: str, steps: dict[str, str]) -> list[Any]:
    """A step of which only its driver is named has no pod yet."""
    began = datetime.now(UTC) - timedelta(minutes=1)
    nodes: list[tuple[str, str, int, str, list[str]]] = [
        (WORKFLOW, now, 0, WORKFLOW, []),
        ("root", now, 0, node_of("root", "graph"), []),
        ("root-driver", "SUCCEEDED", 0, node_of("root", "driver"), []),
    ]
    for number, (step, its) in enumerate(steps.items(), start=1):
        if step.endswith("-driver"):
            nodes.append((step, its, number, node_of(step.removesuffix("-driver"), "driver"), []))
            continue
        pod = node_of(step)
        nodes += [
            (f"{step}-driver", "SUCCEEDED", number, node_of(step, "driver"), []),
            (step, its, number, node_of(step, "graph"), [pod]),
            ("executor", its, number, pod, []),
        ]
    details = []
    for name, its, second, node, children in sorted(nodes):
        error = None
        if its == "FAILED" and name in state.messages:
            error = api.GoogleRpcStatus(code=13, message=state.messages[name])
        details.append(
            api.V2beta1PipelineTaskDetail(
                run_id=run_id,
                task_id=str(uuid.uuid5(uuid.NAMESPACE_URL, node)),
                display_name=name,
                state=its,
                start_time=began + timedelta(seconds=second),
                end_time=began + timedelta(seconds=second + 5) if its in {"SUCCEEDED", "FAILED"} else NEVER,
                pod_name=node,
                child_tasks=[api.PipelineTaskDetailChildTask(pod_name=child) for child in children],
                error=error,
            )
        )
    return details
