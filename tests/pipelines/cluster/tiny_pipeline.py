"""A pipeline of one step that prints a line in KFP_IMAGE (busybox), and ends with the status that it is given."""

import os

from kfp import dsl


@dsl.container_component
def fetch(ends: str, sleeps: str):
    command = 'echo "hello from a pod"; sleep "$1"; exit "$0"'
    return dsl.ContainerSpec(
        image=os.environ.get("KFP_IMAGE", "busybox:1.36"), command=["sh", "-c", command], args=[ends, sleeps]
    )


@dsl.pipeline(name="textgate-contract-test")
def tiny(ends: str, sleeps: str):
    fetch(ends=ends, sleeps=sleeps).set_caching_options(False)
