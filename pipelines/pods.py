"""What the pod of each task gets on a cluster, from the settings' section `cluster`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from kfp import dsl, kubernetes
from kfp.dsl import pipeline_context

from components.base.errors import TextgateError
from components.base.image import image_of
from components.base.settings import Settings
from components.base.settings.cluster import PINNED, SHARED_MEMORY, Mounted
from components.base.settings.deploy import amount
from components.base.settings.resources import STEP_NAMES, Affinity, StepResources, Toleration

WEBHOOK = "TEXTGATE_WEBHOOK"
# Argo counts a backoff's maximum from the start of the first try, and kills what still runs then. It is not the longest
# wait, and kfp's default of an hour would end a long training: steps and runs have time limits of their own.
TRIES_END = f"{365 * 24 * 3600}s"

Apply = Callable[[], None]


def pods(settings: Settings, local: bool, trains: bool = True) -> Apply:
    """What a pipeline function calls when all of its tasks are there. A run of this machine has no pods: there, only
    the retries of fine-tuning count. `trains` is as in faults.

    Raises TextgateError where the settings give no pod.
    """
    if not local and (lacking := faults(settings, trains)):
        raise TextgateError("this config gives no pods on a cluster:\n  " + "\n  ".join(lacking))

    def apply() -> None:
        for task in pipeline_context.Pipeline.get_default_pipeline().tasks.values():
            step = task.component_spec.name.partition("-")[0]
            if task.container_spec is None:
                continue
            if not local:
                _give(task, step, settings)
            if not local or step == "finetune":
                _retry(task, settings.pod_of(step))

    return apply


def steps_of(settings: Settings, trains: bool, acts: bool = True) -> tuple[str, ...]:
    """The steps of a run, in the order of the drawing; without `acts` of a reproduction, else without `trains` of a
    promotion."""
    promoting = ("canary", "promote", "deploy")
    if not acts:
        return tuple(step for step in STEP_NAMES if step not in ("register", *promoting))
    left_out = {"deploy"} if settings.deploy.mode == "manual" else set()
    if trains and settings.promote.mode == "manual":
        left_out |= {*promoting}
    return tuple(step for step in (STEP_NAMES if trains else promoting) if step not in left_out)


def limits(settings: Settings, local: bool) -> dict[str, Any]:
    """What @dsl.pipeline takes for the run as a whole."""
    cluster = settings.cluster
    if local:
        return {}
    config = dsl.PipelineConfig(active_deadline_seconds=cluster.timeout_s) if cluster.timeout_s else None
    return {"pipeline_root": cluster.pipeline_root or None, "pipeline_config": config}


def faults(settings: Settings, trains: bool = True) -> list[str]:
    """Why steps could not run in pods as the settings have it, and what to do; without `trains`, those of a promotion
    alone."""
    found = []
    image = image_of(settings.cluster.image)
    if not PINNED.fullmatch(image):
        found.append(
            f"the image {image} is not pinned, so that a tag moved later would change what runs; set cluster.image or"
            " TEXTGATE_IMAGE to registry/name@sha256:<64 hex digits>"
        )
    return [*found, *_training_faults(settings)] if trains else found


def _training_faults(settings: Settings) -> Iterator[str]:
    place, notify = settings.training.checkpoint.place, settings.notify
    kept = place.startswith("s3://") or any(claim.holds(place, "finetune") for claim in settings.cluster.pvcs)
    if place and not kept:
        yield (
            f"training.checkpoint.place {place} goes with the pod; use s3://bucket/prefix, or a folder on a claim of"
            " cluster.pvcs that finetune mounts"
        )
    told = notify.secret or any(WEBHOOK in one.env for one in settings.cluster.secrets)
    if notify.kind != "none" and not told:
        yield f"notify.kind {notify.kind} needs notify.secret, the Secret that holds the webhook's address"


def _give(task: Any, step: str, settings: Settings) -> None:
    cluster, pod = settings.cluster, settings.pod_of(step)
    task.set_display_name(_title(task))
    task.set_container_image(cluster.gpu_image if pod.gpus else image_of(cluster.image))
    for name, value in sorted(cluster.env.items()):
        task.set_env_variable(name, value)
    _resources(task, pod)
    _place(task, pod, settings)
    _mount(task, step, settings)
    if pod.shared_memory:
        kubernetes.empty_dir_mount(task, *SHARED_MEMORY, "Memory", pod.shared_memory)
    if pod.timeout_s:
        kubernetes.set_timeout(task, pod.timeout_s)
    if cluster.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(cluster.image_pull_secrets))
    if cluster.image_pull_policy:
        kubernetes.set_image_pull_policy(task, cluster.image_pull_policy)
    if cluster.run_as_user:
        kubernetes.set_security_context(task, run_as_user=cluster.run_as_user, run_as_non_root=True)


def _title(task: Any) -> str:
    """The step's name, with the outcome that a record is of."""
    outcome = task.inputs.get("outcome", "")
    return f"record {outcome}" if outcome else str(task.component_spec.name)


def _resources(task: Any, pod: StepResources) -> None:
    task.set_cpu_request(_cores(pod.cpu)).set_cpu_limit(_cores(pod.cpu_limit))
    task.set_memory_request(_bytes(pod.memory)).set_memory_limit(_bytes(pod.memory_limit))
    if pod.gpus:
        # Constants: as parameters they would reach only newer backends.
        task.set_accelerator_type(pod.gpu).set_accelerator_limit(pod.gpus)


def _cores(quantity: str) -> str:
    """As kfp takes it: a number, or thousandths."""
    return quantity if re.fullmatch(r"[0-9.]+m?", quantity) else f"{amount(quantity):f}"


def _bytes(quantity: str) -> str:
    """As kfp takes it: a whole number, with a unit that it knows."""
    return quantity if re.fullmatch(r"[0-9]+([MGT]i?|Ki)?", quantity) else str(int(amount(quantity)))


def _place(task: Any, pod: StepResources, settings: Settings) -> None:
    """Which nodes it may go to."""
    spot = settings.cluster.resources.spot
    labels = {**(spot.node_selector if pod.spot else {}), **pod.node_selector}
    for label, value in sorted(labels.items()):
        kubernetes.add_node_selector(task, label, value)
    for toleration in [*(spot.tolerations if pod.spot else []), *pod.tolerations]:
        _tolerate(task, toleration)
    # Terms of which one must hold: all that must hold are one.
    if required := [_expression(one) for one in pod.affinity if one.weight is None]:
        kubernetes.add_node_affinity(task, match_expressions=required)
    for one in pod.affinity:
        if one.weight is not None:
            kubernetes.add_node_affinity(task, match_expressions=[_expression(one)], weight=one.weight)


def _tolerate(task: Any, given: Toleration) -> None:
    kubernetes.add_toleration(
        task, given.key or None, given.operator, given.value or None, given.effect or None, given.seconds
    )


def _expression(given: Affinity) -> dict[str, Any]:
    return {"key": given.label, "operator": given.operator, "values": list(given.values)}


def _mount(task: Any, step: str, settings: Settings) -> None:
    cluster, notify = settings.cluster, settings.notify
    for secret in cluster.secrets:
        _use(task, secret, kubernetes.use_secret_as_env, kubernetes.use_secret_as_volume)
    for config_map in cluster.config_maps:
        _use(task, config_map, kubernetes.use_config_map_as_env, kubernetes.use_config_map_as_volume)
    if step == "close" and notify.kind != "none" and notify.secret:
        kubernetes.use_secret_as_env(task, notify.secret, {notify.key: WEBHOOK}, optional=False)
    for claim in cluster.pvcs:
        if claim.is_for(step):
            kubernetes.mount_pvc(task, claim.claim, claim.path, claim.sub_path)


def _use(task: Any, what: Mounted, as_env: Callable[..., Any], as_volume: Callable[..., Any]) -> None:
    for variable, key in sorted(what.env.items()):
        as_env(task, what.name, {key: variable}, optional=what.optional)
    if what.path:
        as_volume(task, what.name, what.path, optional=what.optional)


def _retry(task: Any, pod: StepResources) -> None:
    if pod.retries:
        task.set_retry(pod.retries, f"{pod.backoff_s}s", pod.backoff_factor, TRIES_END)
