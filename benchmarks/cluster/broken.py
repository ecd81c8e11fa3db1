"""Compiled pipelines with one fault each: what every rule of the lint is shown to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipelines.lint.documents import MOST_BYTES

Documents = list[dict[str, Any]]
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Broken(NamedTuple):
    """`change` makes the fault in the documents of a sound file; the rule then says `said`. With `objects` the file is
    that of Kubernetes' objects."""

    rule: str
    said: str
    change: Callable[[Documents], None]
    objects: bool = False

    def write(self, sound: Path, path: Path) -> None:
        documents = list(yaml.load_all(sound.read_text(encoding="utf-8"), Loader))
        self.change(documents)
        path.write_text(yaml.dump_all(documents, Dumper=Dumper), encoding="utf-8")


def _steps(documents: Documents) -> dict[str, Any]:
    tasks: dict[str, Any] = documents[0]["components"]["comp-steps"]["dag"]["tasks"]
    return tasks


def _container(documents: Documents, step: str) -> dict[str, Any]:
    container: dict[str, Any] = documents[0]["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
    return container


def _platform(documents: Documents) -> dict[str, Any]:
    executors: dict[str, Any] = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return executors


def _no_component(documents: Documents) -> None:
    _steps(documents)["fetch"]["componentRef"]["name"] = "comp-nobody"


def _no_executor(documents: Documents) -> None:
    documents[0]["components"]["comp-gate"]["executorLabel"] = "exec-nobody"


def _no_producer(documents: Documents) -> None:
    given = _steps(documents)["fetch"]["inputs"]["parameters"]["data_md5"]
    given["taskOutputParameter"]["producerTask"] = "nobody"


def _no_output(documents: Documents) -> None:
    given = _steps(documents)["validate"]["inputs"]["artifacts"]["tables"]
    given["taskOutputArtifact"]["outputArtifactKey"] = "chairs"


def _no_input(documents: Documents) -> None:
    _steps(documents)["validate"]["inputs"]["parameters"]["settings"]["componentInputParameter"] = "gone"


def _no_task_before(documents: Documents) -> None:
    _steps(documents)["fetch"]["dependentTasks"] = ["nobody"]


def _installs(documents: Documents) -> None:
    command = _container(documents, "gate")["command"]
    command[2] = "python3 -m pip install --quiet kfp && " + command[2]


def _no_image(documents: Documents) -> None:
    del _container(documents, "gate")["image"]


def _tagged_image(documents: Documents) -> None:
    _container(documents, "gate")["image"] = "registry.example/textgate/pipeline-cpu:latest"


def _no_accelerator(documents: Documents) -> None:
    del _container(documents, "finetune")["resources"]["accelerator"]


def _no_accelerator_count(documents: Documents) -> None:
    accelerator = _container(documents, "finetune")["resources"]["accelerator"]
    del accelerator["count"], accelerator["resourceCount"]


def _no_memory_limit(documents: Documents) -> None:
    resources = _container(documents, "finetune")["resources"]
    del resources["memoryLimit"], resources["resourceMemoryLimit"]


def _no_else(documents: Documents) -> None:
    """The verdict becomes an output with a name, and only one of its branches stays."""
    content = documents[0]["components"]
    validate = content["comp-validate"]["outputDefinitions"]["parameters"]
    validate["verdict"] = validate.pop("Output")
    tasks = _steps(documents)
    branches = tasks["condition-branches-1"]["inputs"]["parameters"]
    channel, name = "pipelinechannel--validate-Output", "pipelinechannel--validate-verdict"
    branches[name] = branches.pop(channel)
    branches[name]["taskOutputParameter"]["outputParameterKey"] = "verdict"
    inside = content["comp-condition-branches-1"]
    declared = inside["inputDefinitions"]["parameters"]
    declared[name] = declared.pop(channel)
    kept, dropped = sorted(inside["dag"]["tasks"], key=lambda key: _condition(inside, key).startswith("!"))
    del inside["dag"]["tasks"][dropped]
    task = inside["dag"]["tasks"][kept]
    task["triggerPolicy"]["condition"] = _condition(inside, kept).replace(channel, name)
    task["inputs"]["parameters"][channel] = {"componentInputParameter": name}
    task["inputs"]["parameters"][name] = {"componentInputParameter": name}


def _condition(component: dict[str, Any], task: str) -> str:
    return str(component["dag"]["tasks"][task]["triggerPolicy"]["condition"])


def _secret_in_env(documents: Documents) -> None:
    _container(documents, "gate")["env"].append({"name": "MLFLOW_TRACKING_PASSWORD", "value": "hunter2"})


def _secret_in_default(documents: Documents) -> None:
    declared = documents[0]["root"]["inputDefinitions"]["parameters"]
    declared["api_token"] = {"parameterType": "STRING", "defaultValue": "q7Zr2LxW9vBn4KpT8sYd"}


def _secret_in_argument(documents: Documents) -> None:
    _container(documents, "gate")["args"].append("--key=AKIA" + "ABCDEFGHIJKLMNOP")


def _secret_in_address(documents: Documents) -> None:
    _container(documents, "gate")["env"].append({"name": "STORE", "value": "https://ann:hunter2@store.example"})


def _private_key(documents: Documents) -> None:
    key = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE"
    _steps(documents)["fetch"]["inputs"]["parameters"]["settings"] = {"runtimeValue": {"constant": key}}


def _stranger_on_the_platform(documents: Documents) -> None:
    _platform(documents)["exec-nobody"] = {"nodeSelector": {"labels": {"pool": "batch"}}}


def _unknown_field_of_the_platform(documents: Documents) -> None:
    _platform(documents)["exec-gate"]["nodeSelektor"] = {"labels": {"pool": "batch"}}


def _too_large(documents: Documents) -> None:
    documents[0]["pipelineInfo"]["description"] = "x" * MOST_BYTES


def _of_another_pipeline(documents: Documents) -> None:
    documents[1]["spec"]["pipelineName"] = "somebody-elses"


def _no_name_of_kubernetes(documents: Documents) -> None:
    documents[1]["metadata"]["name"] = "Text_Gate"


BROKEN = (
    Broken("each component is there", "comp-steps.fetch: there is no component comp-nobody", _no_component),
    Broken("each executor is there", "comp-gate: there is no executor exec-nobody", _no_executor),
    Broken("each producer is there", "comp-steps.fetch: data_md5 comes from the task nobody", _no_producer),
    Broken("each producer is there", "comp-steps.validate: tables comes from the output chairs of fetch", _no_output),
    Broken("each producer is there", "comp-steps.validate: settings comes from the input gone", _no_input),
    Broken("each producer is there", "comp-steps.fetch: waits for the task nobody", _no_task_before),
    Broken("nothing is installed at run time", "exec-gate: installs packages at run time", _installs),
    Broken("each executor has an image", "exec-gate: has no container image", _no_image),
    Broken("each image is pinned by digest", "pipeline-cpu:latest is not pinned by its digest", _tagged_image),
    Broken("a GPU step has accelerator and memory limit", "an image for GPUs, without an accelerator", _no_accelerator),
    Broken("a GPU step has accelerator and memory limit", "needs a type and a count", _no_accelerator_count),
    Broken("a GPU step has accelerator and memory limit", "exec-finetune: has an accelerator and no", _no_memory_limit),
    Broken("a condition on a named output has its else", "on a named output, without its else", _no_else),
    Broken("no value looks like a secret", "MLFLOW_TRACKING_PASSWORD has what looks like a secret", _secret_in_env),
    Broken("no value looks like a secret", "api_token has what looks like a secret", _secret_in_default),
    Broken("no value looks like a secret", "looks like an access key of AWS", _secret_in_argument),
    Broken("no value looks like a secret", "looks like an address with a password", _secret_in_address),
    Broken("no value looks like a secret", "looks like a private key", _private_key),
    Broken("each entry of the platform is of an executor", "no executor exec-nobody", _stranger_on_the_platform),
    Broken("each entry of the platform is of an executor", "nodeSelektor", _unknown_field_of_the_platform),
    Broken("the file is within the cluster's limits", "Kubernetes stores no workflow", _too_large),
    Broken("objects belong together", "the pipeline somebody-elses, which is not", _of_another_pipeline, objects=True),
    Broken("objects belong together", "a name that Kubernetes takes", _no_name_of_kubernetes, objects=True),
)
