"""Deploys one registered version: to the server on this machine, or to a cluster. And takes it away again."""

from __future__ import annotations

from components.base.errors import TextgateError
from components.base.promotion_log import Entry, open_log
from components.base.registry import BUNDLE_DIGEST, download_pinned, version_tags
from components.base.settings import DeployStep, RunStep
from components.base.workspace import home
from components.deploy.local import deploy_local, undeploy_local

PREVIEW = "-preview"


def deploy(run: RunStep, version: str, step: DeployStep, *, digest: str = "", preview: bool = False) -> None:
    """The champion answers from now on, or as a preview any version, under a name of its own and with no traffic from
    the other.

    Raises TextgateError where the version is not what the promotion log's head says, or its bundle is not the promoted
    one (nor that with `digest`, where given), or the target does not take it.
    """
    log = open_log(run)
    head = None if preview else _champion(run, log.head(), version)
    found = version_tags(run.name, version).get(BUNDLE_DIGEST, "")
    for expected in (digest, head.bundle_digest if head else ""):
        if not found or (expected and expected != found):
            raise TextgateError(
                f"version {version} of {run.name} should have the bundle digest {expected[:12] or '(none known)'}, but"
                f" the registry says {found[:12] or 'none'}; nothing was deployed"
            )
    name = service_name(run.name, preview)
    if step.options.target == "local":
        deploy_local(download_pinned(run.name, version, found), name, version, found, home())
        return
    from components.deploy.kserve import deploy_kserve, resolve

    release = resolve(run, name, version, found, head.number if head else 0, step)
    deploy_kserve(run, log, head, release, step)


def show_manifests(run: RunStep, version: str, step: DeployStep, *, preview: bool = False) -> str:
    """What `deploy` would apply, as YAML; neither the cluster nor the storage is changed or needed."""
    if step.options.target == "local":
        raise TextgateError("the target local has no manifests; use --set deploy.target=kserve, or no --dry-run")
    from components.deploy.kserve import render, resolve
    from components.deploy.manifests import to_yaml

    head = None if preview else _champion(run, open_log(run).head(), version)
    digest = version_tags(run.name, version).get(BUNDLE_DIGEST, "")
    number = head.number if head else 0
    release = resolve(run, service_name(run.name, preview), version, digest, number, step, write=False)
    return to_yaml(render(release, step))


def undeploy(run: RunStep, step: DeployStep, *, preview: bool = False) -> None:
    """Registry and promotion log stay as they are, and so does the ServingRuntime, which other models may use."""
    name = service_name(run.name, preview)
    if step.options.target == "local":
        undeploy_local(name, home())
        return
    from components.deploy.cluster import Cluster
    from components.deploy.rollout import KIND

    namespace = step.options.kserve.namespace
    gone = Cluster(namespace).delete(KIND, name)
    print(f"{KIND} {name} in {namespace} {'is deleted' if gone else 'is not there; nothing was deleted'}", flush=True)


def service_name(model: str, preview: bool) -> str:
    return f"{model}{PREVIEW}" if preview else model


def _champion(run: RunStep, head: Entry | None, version: str) -> Entry:
    if head and head.version == version:
        return head
    says = f"the promotion log says version {head.version}, since {head.when}" if head else "nothing was promoted yet"
    raise TextgateError(
        f"version {version} of {run.name} is not the champion: {says}; run `textgate promote {run.name} {version}`, or"
        " deploy it beside the champion with --preview"
    )
