"""A pipeline with what only those of others have: an importer, and a GPU whose count and kind are parameters."""

from kfp import dsl, kubernetes


@dsl.container_component
def train(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=f"registry.example/small@sha256:{'0' * 64}", command=["train"], args=[data.path])


@dsl.pipeline(name="importing")
def importing(gpus: int = 1, kind: str = "nvidia.com/gpu", memory: str = "8Gi"):
    data = dsl.importer(artifact_uri="s3://bucket/data", artifact_class=dsl.Dataset)
    task = train(data=data.output).set_env_variable("A", "b")
    task.set_accelerator_type(kind).set_accelerator_limit(gpus).set_memory_limit(memory)
    kubernetes.use_secret_as_env(task, "store", {"key": "KEY"})
