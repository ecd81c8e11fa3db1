"""What each step's pod gets on a cluster, read back from the compiled file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from components.base.errors import TextgateError
from components.base.settings.resources import ACTING
from pipelines.cli.compile import command
from pipelines.compile import compile_pipeline, version_of
from pipelines.lint import Compiled, check, read
from pipelines.pods import faults, steps_of
from pipelines.promotion.compiling import compile_promotion
from tests.pipelines.golden_files import CONFIG, EVERYTHING, GPU_IMAGE, IMAGE, MANUAL, settings_with

Compile = Callable[..., Compiled]


@pytest.fixture(scope="module")
def compiling(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    def compiled(changes: dict[str, Any]) -> Compiled:
        path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
        compile_pipeline(settings_with(changes), path)
        return read(path)

    return compiled


@pytest.fixture(scope="module")
def everything(compiling: Compile) -> Compiled:
    return compiling(EVERYTHING)


def pod(compiled: Compiled, step: str) -> dict[str, Any]:
    """What the platform adds to a step."""
    return dict(compiled.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{step}"])


def retries(compiled: Compiled) -> dict[str, Any]:
    tasks = {where.rpartition(".")[2]: task.retry_policy for where, task, _ in compiled.tasks()}
    return {key: policy for key, policy in tasks.items() if policy.max_retry_count}


@pytest.mark.parametrize("changes", [{}, MANUAL, {"deploy": {"mode": "manual"}}])
def test_the_steps_that_a_run_may_come_to_are_those_of_its_pipeline(
    compiling: Compile, tmp_path: Path, changes: dict[str, Any]
) -> None:
    settings = settings_with(changes)
    compile_promotion(settings, tmp_path / "promotion.yaml")
    for trains, compiled in ((True, compiling(changes)), (False, read(tmp_path / "promotion.yaml"))):
        assert {label.split("-")[1] for label in compiled.containers} == set(steps_of(settings, trains))


def test_gpu_steps_have_their_image_and_accelerator_and_the_others_have_not(everything: Compiled) -> None:
    images = {label: container["image"] for label, container in everything.containers.items()}
    assert images.pop("exec-finetune") == GPU_IMAGE and set(images.values()) == {IMAGE}
    resources = everything.containers["exec-finetune"]["resources"]
    accelerator = {"count": "2", "type": "nvidia.com/gpu", "resourceCount": "2", "resourceType": "nvidia.com/gpu"}
    assert resources["accelerator"] == accelerator
    assert (resources["resourceMemoryRequest"], resources["resourceMemoryLimit"]) == ("6Gi", "64Gi")
    assert (resources["resourceCpuRequest"], resources["resourceCpuLimit"]) == ("2", "8")


def test_quantities_that_kfp_does_not_take_are_written_as_it_does(everything: Compiled) -> None:
    resources = everything.containers["exec-fetch"]["resources"]
    assert (resources["resourceCpuRequest"], resources["resourceMemoryRequest"]) == ("1.5", str(3 * 2**29))


def test_spot_step_goes_where_spot_nodes_are_and_no_other_does(everything: Compiled) -> None:
    finetune, fetch = pod(everything, "finetune"), pod(everything, "fetch")
    assert finetune["nodeSelector"]["labels"] == {"capacity": "spot", "pool": "batch"}
    assert fetch["nodeSelector"]["labels"] == {"pool": "batch"}
    spot = {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": "30"}
    batch = {"key": "batch", "operator": "Exists", "effect": "NoSchedule"}
    assert (finetune["tolerations"], fetch["tolerations"]) == ([spot, batch], [batch])


def test_all_that_must_hold_of_a_node_is_one_term(everything: Compiled) -> None:
    """Of several, Kubernetes takes a node for which one holds."""
    must, should = pod(everything, "finetune")["nodeAffinity"]
    assert [one["key"] for one in must["matchExpressions"]] == ["gpu.model", "legacy"] and "weight" not in must
    assert [one["key"] for one in should["matchExpressions"]] == ["zone"] and should["weight"] == 50


def test_mounts_and_variables_come_from_what_is_named(everything: Compiled) -> None:
    finetune = pod(everything, "finetune")
    claim = finetune["pvcMount"][0]
    assert (claim["constant"], claim["mountPath"], claim["subPath"]) == ("checkpoints", "/checkpoints", "textgate")
    assert "pvcMount" not in pod(everything, "evaluate")
    memory = {"volumeName": "shared-memory", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "8Gi"}
    assert finetune["emptyDirMounts"] == [memory]
    keys = {
        one["envVar"]: (group["secretName"], one["secretKey"])
        for group in finetune["secretAsEnv"]
        for one in group["keyToEnv"]
    }
    assert keys["AWS_SECRET_ACCESS_KEY"] == ("object-store", "secret")
    hub = finetune["secretAsVolume"][0]
    assert (hub["secretName"], hub["mountPath"], hub["optional"]) == ("hub-token", "/var/run/secrets/hub", True)
    assert finetune["configMapAsVolume"][0]["mountPath"] == "/etc/ssl/company"
    env = {one["name"]: one["value"] for one in everything.containers["exec-finetune"]["env"]}
    assert env == EVERYTHING["cluster"]["env"]


def test_only_the_closing_step_knows_the_webhook(everything: Compiled) -> None:
    knowing = {
        label
        for label, content in everything.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].items()
        if "TEXTGATE_WEBHOOK" in str(content)
    }
    assert knowing == {"exec-close"}
    given = pod(everything, "close")["secretAsEnv"][-1]
    assert (given["secretName"], given["optional"]) == ("webhook", False)
    assert given["keyToEnv"] == [{"secretKey": "url", "envVar": "TEXTGATE_WEBHOOK"}]


def test_each_pod_runs_as_a_user_that_is_not_root(compiling: Compile, everything: Compiled) -> None:
    wanted = {"runAsUser": "10001", "runAsNonRoot": True}
    assert all(
        pod(everything, label.removeprefix("exec-"))["securityContext"] == wanted for label in everything.executors
    )
    # Kubeflow Pipelines before 2.16 refuse the field.
    assert "securityContext" not in str(compiling({}).platform)


def test_limits_of_time_are_those_of_tries_and_of_the_run(everything: Compiled) -> None:
    assert pod(everything, "finetune")["activeDeadlineSeconds"] == "14400"
    assert "activeDeadlineSeconds" not in pod(everything, "gate")
    assert everything.platform["platforms"]["kubernetes"]["pipelineConfig"] == {"activeDeadlineSeconds": 86_400}
    assert everything.spec.default_pipeline_root == "s3://artifacts/textgate"


def test_tries_wait_as_said_and_end_with_the_run_alone(everything: Compiled) -> None:
    """An hour from the first try's start, as kfp has it, would end a training of two hours at its first stop."""
    policy = retries(everything)["finetune"]
    assert (policy.max_retry_count, policy.backoff_duration.seconds, policy.backoff_factor) == (5, 60, 3)
    assert policy.backoff_max_duration.seconds == 365 * 24 * 3600
    assert retries(everything)["fetch"].max_retry_count == 4


def test_steps_that_act_are_tried_again_only_where_it_says_so_of_them(everything: Compiled, compiling: Compile) -> None:
    tried = {re.sub(r"-\d+$", "", key) for key in retries(everything)}
    assert tried & set(ACTING) == {"deploy"} and {"validate", "tokenize", "quantize", "evaluate"} < tried
    assert set(retries(compiling({}))) == {"fetch"}


def test_training_is_tried_again_only_where_it_goes_on(compiling: Compile) -> None:
    default = {"resources": {"default": {"retries": 3}}}
    assert "finetune" not in retries(compiling({"cluster": default}))
    kept = {"training": {"checkpoint": {"place": "s3://bucket/training", "retries": 7}}}
    assert retries(compiling({**kept, "cluster": default}))["finetune"].max_retry_count == 7


def test_records_show_their_outcome(everything: Compiled) -> None:
    shown = {task.task_info.name for _, task, _ in everything.tasks()}
    outcomes = {"registered", "refused-by-gate", "refused-by-canary", "refused-by-validation"}
    assert {f"record {outcome}" for outcome in outcomes} < shown and "finetune" in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"training": {"checkpoint": {"place": "/var/checkpoints"}}},
            "training.checkpoint.place /var/checkpoints goes",
        ),
        ({"notify": {"kind": "json"}}, "notify.kind json needs notify.secret"),
    ],
)
def test_what_no_pod_could_use_is_refused_and_nothing_written(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    settings = settings_with(changes)
    assert [line for line in faults(settings) if said in line] == faults(settings) != []
    with pytest.raises(TextgateError, match=said):
        compile_pipeline(settings, tmp_path / "pipeline.yaml")
    assert list(tmp_path.iterdir()) == []
    compile_pipeline(settings, tmp_path / "local.yaml", local=True)
    compile_promotion(settings, tmp_path / "promotion.yaml")


def test_an_image_without_digest_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("components.base.image.IMAGE", "textgate/pipeline-cpu:latest")
    settings = settings_with({"cluster": {"image": ""}})
    with pytest.raises(TextgateError, match="textgate/pipeline-cpu:latest is not pinned"):
        compile_pipeline(settings, tmp_path / "pipeline.yaml")
    assert faults(settings_with({})) == []


def test_command_writes_objects_that_name_the_version_of_the_file(tmp_path: Path) -> None:
    plain, objects = tmp_path / "plain.yaml", tmp_path / "objects.yaml"
    options = ["--config", str(CONFIG), "--set", f"cluster.image={IMAGE}", "--set", "cluster.namespace=team"]
    for output, more in ((plain, []), (objects, ["--manifests"])):
        done = CliRunner().invoke(command, [*options, *more, "-o", str(output)])
        assert done.exit_code == 0, done.output
    pipeline, version = yaml.safe_load_all(objects.read_text())
    assert (pipeline["kind"], pipeline["metadata"]) == ("Pipeline", {"name": "textgate-finetune", "namespace": "team"})
    name = f"textgate-finetune-{version_of(plain)}"
    assert (version["kind"], version["metadata"]) == ("PipelineVersion", {"name": name, "namespace": "team"})
    assert version["spec"]["displayName"] == version_of(plain) and len(version_of(plain)) == 16
    assert check(objects) == check(plain)
