"""What Kubeflow's launcher is told of the S3 server of the cluster."""

from __future__ import annotations

import yaml

from tests.infra.kustomize.objects import README, documented_secrets, of_kind

# The fields of kubeflow/pipelines, backend/src/v2/config/s3.go; others would be ignored.
FIELDS = {"endpoint", "region", "disableSSL", "forcePathStyle", "maxRetries", "credentials"}
SECRET = {"secretName", "accessKeyKey", "secretKeyKey"}


def test_the_launcher_reaches_the_bucket_as_the_steps_do() -> None:
    (told,) = [found for found in of_kind("staging", "ConfigMap") if found["metadata"]["name"] == "kfp-launcher"]
    assert told["metadata"]["namespace"] == "textgate-runs" and told["data"].keys() == {"providers"}
    providers = yaml.safe_load(told["data"]["providers"])
    (s3,) = providers.values()
    assert providers.keys() == {"s3"} and s3.keys() == {"default"} and s3["default"].keys() <= FIELDS
    default = s3["default"]
    example = README.read_text()
    assert f"AWS_ENDPOINT_URL_S3: http://{default['endpoint']}\n" in example
    assert f"AWS_DEFAULT_REGION: {default['region']}\n" in example
    assert default["disableSSL"] is default["forcePathStyle"] is True
    assert default["credentials"]["fromEnv"] is False and default["credentials"]["secretRef"].keys() == SECRET
    secret = default["credentials"]["secretRef"]
    keys = {secret["accessKeyKey"], secret["secretKeyKey"]}
    assert documented_secrets()["textgate-runs", secret["secretName"]] == keys


def test_the_launcher_may_read_that_secret_and_no_other() -> None:
    (role,) = [found for found in of_kind("staging", "Role") if found["metadata"]["name"] == "artifacts"]
    (rule,) = role["rules"]
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["secrets"], ["textgate-s3"], ["get"])
    (binding,) = [found for found in of_kind("staging", "RoleBinding") if found["metadata"]["name"] == "artifacts"]
    assert [(one["namespace"], one["name"]) for one in binding["subjects"]] == [("textgate-runs", "pipeline-runner")]


def test_an_s3_of_one_s_own_is_reached_as_kubeflow_is_set_up() -> None:
    assert [found for found in of_kind("production", "ConfigMap") if found["metadata"]["name"] == "kfp-launcher"] == []
