"""Runs the compiled pipeline of tiny.yaml in the current folder, each step a container of the image TEXTGATE_IMAGE
without network and with a read-only root: `python -m tests.images.compiled NAME [KEY=VALUE of an argument]...`"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from kfp import components, local
from kfp.local import docker_task_handler

from components.base.settings import load
from pipelines.compile import compile_pipeline, pipeline_arguments

STEP_S = 600
USER_WRITES = 0o002  # the user of the image is not root, but of root's group


def run_container(client: Any, image: str, command: list[str], volumes: dict[str, Any], **options: Any) -> int:
    """In place of kfp's own, which lets the engine remove the container: on Podman the exit status goes with it. Its
    log is read when it has ended, as following one may come to no end there."""
    container = client.containers.create(image=image, command=command, volumes=volumes, **options)
    try:
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"] and host["NetworkMode"] == "none", host
        container.start()
        status = int(container.wait(timeout=STEP_S)["StatusCode"])
        print(container.logs().decode(errors="replace"), end="")
        return status
    finally:
        container.remove(force=True)


def main(name: str, *changes: str) -> None:
    os.umask(USER_WRITES)
    docker_task_handler.run_docker_container = run_container
    project = Path.cwd()
    folder = project / "runs" / name
    (folder / "tasks").mkdir(parents=True)
    settings = load(project / "tiny.yaml")
    compile_pipeline(settings, folder / "pipeline.yaml")
    arguments = pipeline_arguments(settings, name, folder / "pipeline.yaml")
    runner = local.DockerRunner(
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": "rw,mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mounts=[{"Type": "bind", "Source": str(project), "Target": str(project)}],
        environment={
            "MLFLOW_TRACKING_URI": f"sqlite:///{project}/.textgate/mlflow.db",
            "TEXTGATE_HOME": f"{project}/.textgate",
        },
    )
    local.init(runner, pipeline_root=str(folder / "tasks"), raise_on_error=True)
    run = components.load_component_from_file(str(folder / "pipeline.yaml"))
    run(**arguments | dict(change.split("=", 1) for change in changes))


if __name__ == "__main__":
    main(*sys.argv[1:])
