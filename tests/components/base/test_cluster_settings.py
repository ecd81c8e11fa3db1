"""What a config may say of a cluster, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.settings import Settings, load
from components.base.settings.cluster import SECRET_LIKE, ClusterSettings
from components.base.settings.resources import ACTING, STEP_NAMES, ResourceSettings
from tests.components.base.configs import CONFIG, write

DIGEST = f"@sha256:{'5' * 64}"
SPOT = {"spot": {"node_selector": {"capacity": "spot"}}}


def steps(**named: Any) -> dict[str, Any]:
    return {"cluster": {"resources": {"steps": named}}}


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"host": "kfp.example"}, "host must begin with http:// or https://"),
        ({"host": "https://ann:hunter2@kfp.example"}, "host must hold no credentials"),
        ({"host": "https://kfp.example:0"}, "host takes a URL with a port of 1 to 65535"),
        ({"host": "https://kfp.example:99999"}, "host takes a URL with a port of 1 to 65535"),
        ({"host": "https://kfp.example/x/#/runs"}, "from ? or # on, perhaps https://kfp.example/x/"),
        ({"host": "https://kfp.example?code=hunter2"}, "from ? or # on, perhaps https://kfp.example"),
        ({"host": "kfp.example?code=hunter2"}, "host must begin with http:// or https://, got kfp.example"),
        ({"image": "registry/textgate:latest"}, "image registry/textgate:latest is not pinned"),
        ({"gpu_image": "registry/textgate@sha256:5"}, "gpu_image registry/textgate@sha256:5 is not pinned"),
        ({"pipeline_root": "/artifacts"}, "pipeline_root /artifacts is no object store"),
        ({"env": {"DATABASE_PASSWORD": "hunter2"}}, "env.DATABASE_PASSWORD would stand in the compiled pipeline"),
        ({"env": {"STORE": "https://ann:hunter2@store"}}, "env.STORE would stand in the compiled pipeline"),
        ({"env": {"STORE": "redis://:hunter2@store"}}, "env.STORE would stand in the compiled pipeline"),
        (
            {"env": {"HOOK": "https://hooks.slack.com/services/hunter2"}},
            "env.HOOK would stand in the compiled pipeline",
        ),
        ({"env": {"DB_PASS": "hunter2"}}, "env.DB_PASS would stand in the compiled pipeline"),
        ({"env": {"TEXTGATE_KFP_COOKIE": "a=hunter2"}}, "env.TEXTGATE_KFP_COOKIE would stand in the compiled"),
        ({"env": {"TEXTGATE_KFP_HEADER": "hunter2"}}, "env.TEXTGATE_KFP_HEADER would stand in the compiled"),
        ({"env": {"TEXTGATE_WEBHOOK": "hunter2"}}, "env.TEXTGATE_WEBHOOK would stand in the compiled"),
        ({"env": {"URL": "https://mm.example.com/hooks/abcdefghijhunter2"}}, "env.URL would stand in the compiled"),
        ({"env": {"A_TOKEN": "hunter2", "B": "b", "C_SECRET": "c"}}, "env.A_TOKEN and env.C_SECRET would stand in"),
        ({"resources": {"default": {"memory": "12 gigs"}}}, "no quantity of Kubernetes, such as 500m or 2 for CPU"),
        ({"resources": {"default": {"shared_memory": "much"}}}, "no quantity of Kubernetes"),
        ({"resources": {"default": {"memory": "9m", "memory_limit": "9m"}}}, "memory_limit 9m is less than 1Mi"),
        ({"secrets": [{"name": "store"}]}, "store is used neither as env nor at a path"),
        ({"secrets": [{"name": "store", "path": "etc"}]}, "path etc must be absolute"),
        ({"pvcs": [{"claim": "kept", "path": "/"}]}, "path / must be absolute"),
        ({"pvcs": [{"claim": "kept", "path": "/kept", "steps": ["train"]}]}, "there is no step train"),
        ({"auth": {"kind": "header"}}, "kind header needs the key header"),
        ({"auth": {"header": "X-Token"}}, "header goes with kind header"),
        ({"run_as_user": 0}, "greater than or equal to 1"),
        ({"resources": {"steps": {"finetune": {"gpus": 1}}}}, "needs cluster.gpu_image"),
        ({"resources": {"default": {"gpus": 1}}}, "needs cluster.gpu_image"),
        ({"resources": {"steps": {"train": {}}}}, "steps.train: there is no such step"),
        ({"resources": {"steps": {"gate": {"cpu": "4"}}}}, "gate: cpu 4 is above cpu_limit 2"),
        ({"resources": {"default": {"memory": "4Gi"}}}, "memory 4Gi is above memory_limit 2Gi"),
        ({"resources": {"steps": {"fetch": {"shared_memory": "3Gi"}}}}, "shared_memory 3Gi is above memory_limit 2Gi"),
        ({"resources": {"steps": {"gate": {"gpu": "nvidia"}}}}, "nvidia is no resource of a device plugin"),
        ({"resources": {"steps": {"fetch": {"spot": True}}}}, "a step with spot needs resources.spot"),
        ({"resources": {"steps": {"gate": {"spot": True}}, **SPOT}}, "gate: a spot step is evicted"),
        ({"resources": {"steps": {"fetch": {"retries": 20}}}}, "of 20 retries it would wait 5242880 s"),
        ({"resources": {"steps": {"fetch": {"backoff_factor": 1.5}}}}, "integer"),
        ({"resources": {"steps": {"finetune": {"retries": 2}}}}, "those of training.checkpoint.retries"),
        ({"resources": {"default": {"tolerations": [{"value": "x"}]}}}, "operator Equal needs a key"),
        ({"resources": {"default": {"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}}}, "no value"),
        ({"resources": {"default": {"tolerations": [{"key": "a", "seconds": 3}]}}}, "for the effect NoExecute"),
        ({"resources": {"default": {"affinity": [{"label": "zone"}]}}}, "operator In needs values"),
        (
            {"resources": {"default": {"affinity": [{"label": "z", "operator": "Exists", "values": ["a"]}]}}},
            "no values",
        ),
    ],
)
def test_what_a_cluster_cannot_give_is_refused(cluster: dict[str, Any], said: str, tmp_path: Any) -> None:
    with pytest.raises(TextgateError) as refused:
        load(write(tmp_path, cluster=cluster))
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"secrets": [{"name": "a", "path": "/kept"}], "pvcs": [{"claim": "b", "path": "/kept"}]}, "/kept"),
        ({"secrets": [{"name": "a", "path": "/one"}], "config_maps": [{"name": "a", "path": "/two"}]}, "a"),
        ({"pvcs": [{"claim": "a", "path": "/dev/shm"}]}, "/dev/shm"),
    ],
)
def test_nothing_is_mounted_twice(cluster: dict[str, Any], said: str) -> None:
    resources = {"steps": {"finetune": {"shared_memory": "1Gi"}}}
    with pytest.raises(ValueError, match=f"{said} is mounted twice in"):
        ClusterSettings.model_validate({**cluster, "resources": resources})


def test_claims_of_different_steps_may_have_one_path() -> None:
    claims = [{"claim": step, "path": "/kept", "steps": [step]} for step in ("finetune", "quantize")]
    cluster = ClusterSettings.model_validate({"pvcs": claims})
    assert [claim.holds("/kept/model", "finetune") for claim in cluster.pvcs] == [True, False]
    assert not cluster.pvcs[0].holds("/keptother", "finetune")


def test_a_variable_comes_from_one_place() -> None:
    with pytest.raises(ValueError, match="the variable A is given twice"):
        ClusterSettings.model_validate({"env": {"A": "1"}, "secrets": [{"name": "s", "env": {"A": "key"}}]})


@pytest.mark.parametrize(
    "name", ["PGPASSWORD", "api_key", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "TOKENS", "CREDENTIALS"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert SECRET_LIKE.search(name)


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "MLFLOW_TRACKING_URI", "SECRETARY", "KEY_PATH"])
def test_other_names_are_not_taken_for_those_of_secrets(name: str) -> None:
    assert not SECRET_LIKE.search(name)


def test_a_key_comes_from_the_step_then_the_default_then_what_it_comes_with() -> None:
    given = {"default": {"memory_limit": "8Gi", "cpu_limit": "3"}, "steps": {"tokenize": {"memory_limit": "16Gi"}}}
    resources = ResourceSettings.model_validate(given)
    assert (resources.of("tokenize").memory_limit, resources.of("tokenize").cpu_limit) == ("16Gi", "3")
    assert (resources.of("quantize").memory_limit, resources.of("quantize").cpu) == ("8Gi", "1")
    assert (resources.of("fetch").retries, resources.of("gate").memory) == (2, "1Gi")


def test_a_recorded_config_gives_the_same_pods() -> None:
    given = {"default": {"cpu_limit": "3"}, "steps": {"tokenize": {"memory_limit": "16Gi"}}}
    for resources in (ResourceSettings(), ResourceSettings.model_validate(given)):
        for again in (resources.model_dump(), resources.model_dump(mode="json")):
            recorded = ResourceSettings.model_validate(again)
            assert [recorded.of(step) for step in STEP_NAMES] == [resources.of(step) for step in STEP_NAMES]


def test_steps_that_act_take_no_retries_from_the_default() -> None:
    resources = ResourceSettings.model_validate(
        {"default": {"retries": 3, "spot": True}, "steps": {"deploy": {"retries": 1}}, **SPOT}
    )
    assert [resources.of(step).retries for step in ACTING] == [int(step == "deploy") for step in ACTING]
    assert not any(resources.of(step).spot for step in ACTING)
    assert {step for step in STEP_NAMES if resources.of(step).retries == 3} == {
        "fetch",
        "validate",
        "tokenize",
        "quantize",
        "evaluate",
    }


def test_training_on_spot_goes_on_where_it_was() -> None:
    spot = {"cluster": {"resources": {"steps": {"finetune": {"spot": True}}, **SPOT}}}
    with pytest.raises(ValueError, match=r"finetune: a spot step .* training\.checkpoint\.place"):
        Settings.model_validate({**CONFIG, **spot})
    kept = {"training": {"checkpoint": {"place": "s3://bucket/training"}}}
    assert Settings.model_validate({**CONFIG, **spot, **kept}).pod_of("finetune").retries == 3
    with pytest.raises(ValueError, match=r"training\.checkpoint: before the last of 40 retries"):
        Settings.model_validate({**CONFIG, "training": {"checkpoint": {"place": "s3://bucket/a", "retries": 40}}})
