"""Buckets, data and base model, on a real S3 server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base.objects import open_store
from components.base.settings import Settings
from infra.local.seaweed import Identity
from pipelines.preflight import data
from pipelines.preflight.line import Line
from pipelines.preflight.storage import checks, reached
from tests.certificates import Authority
from tests.pipelines.preflight.made import make_settings, states
from tests.tiny_project import make_rows, split_rows, write_version
from tests.weed import READER


def lines(trains: bool = True, acts: bool = True, **changes: Any) -> list[Line]:
    return [line for _, ask in checks(make_settings(**changes), trains, acts) for line in ask()]


def places(url: str) -> dict[str, Any]:
    return {
        "promote": {"mode": "auto", "log": f"{url}/promotions"},
        "training": {"checkpoint": {"place": f"{url}/saved"}},
        "cluster": {"pipeline_root": f"{url}/root"},
    }


def test_every_place_that_is_written_to_is_tried_and_left_as_it_was(seaweed: str) -> None:
    found = lines(**places(seaweed))
    assert states(found) == dict.fromkeys(("promote.log", "training.checkpoint.place", "cluster.pipeline_root"), "ok")
    assert open_store(seaweed).keys() == []


def test_a_promotion_trains_nothing_and_a_reproduction_promotes_nothing(seaweed: str) -> None:
    assert [line.check for line in lines(trains=False, **places(seaweed))] == ["promote.log", "cluster.pipeline_root"]
    assert "promote.log" not in states(lines(acts=False, **places(seaweed)))


def test_who_may_only_read_is_told_so(seaweed: str, act_as: Callable[[Identity], None]) -> None:
    act_as(READER)
    (line, *_) = lines(**places(seaweed))
    assert line.state == "failed" and "s3:PutObject" in line.said


def test_a_bucket_that_is_not_there(seaweed: str) -> None:
    (line,) = lines(promote={"mode": "auto", "log": "s3://nowhere/promotions"})
    assert line.state == "failed" and "there is no bucket nowhere" in line.said


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes all credentials from this machine."""

    def take() -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)

    return take


def test_without_credentials_nothing_is_known(seaweed: str, bare: Callable[[], None]) -> None:
    bare()
    (line, *_) = lines(**places(seaweed))
    assert line.state == "unknown" and "no credentials" in line.said and "AWS_ACCESS_KEY_ID" in line.advice


def test_what_only_the_cluster_resolves_is_not_known(seaweed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: dict[str, Any] = {"promote": {"mode": "auto", "log": f"{seaweed}/promotions"}}
    (line,) = lines(**inside, s3={"endpoint": "http://seaweedfs.textgate.svc:8333"})
    assert line.state == "unknown" and "seaweedfs.textgate.svc" in line.said
    (typo,) = lines(**inside, s3={"endpoint": "http://seaweedfs.textgate.invalid:8333"})
    assert typo.state == "failed"
    (google,) = lines(promote={"mode": "auto", "log": ""}, cluster={"pipeline_root": "gs://bucket/root"})
    assert google.state == "unknown"


def test_the_pods_address_is_taken_where_this_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_settings(cluster={"env": {"AWS_ENDPOINT_URL_S3": "http://pods:1", "AWS_DEFAULT_REGION": "there"}})
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://here:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "here")
    assert (reached(settings).endpoint, reached(settings).region) == ("", "")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert (reached(settings).endpoint, reached(settings).region) == ("http://pods:1", "there")


def test_certificates_that_pods_alone_mount_are_this_machine_s_own_here(
    tls_seaweed: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    found = lines(s3={"ca_bundle": "/mounted/in/pods/ca.pem"}, **places(tls_seaweed))
    assert {line.state for line in found} == {"ok"}
    monkeypatch.delenv("AWS_CA_BUNDLE")
    found = lines(s3={"ca_bundle": str(authority.bundle)}, **places(tls_seaweed))
    assert {line.state for line in found} == {"ok"}


@pytest.fixture
def pushed(seaweed: str, tmp_path: Path) -> Settings:
    """A version whose objects are all on S3."""
    write_version(tmp_path, split_rows(make_rows(30)))
    store = open_store(f"{seaweed}/dvc")
    for path in (tmp_path / "remote").rglob("*"):
        if path.is_file():
            store.replace(path.relative_to(tmp_path / "remote").as_posix(), path)
    labels = {"labels": ["bad", "good", "plain"]}
    return make_settings(data={"version": str(tmp_path / "data.dvc"), "remotes": [f"{seaweed}/dvc"], **labels})


def test_data_that_is_there_and_data_that_lacks_an_object(pushed: Settings) -> None:
    assert data.version(pushed, "").state == "ok"
    store = open_store(pushed.data.remotes[0])
    store.remove(next(key for key in store.keys() if not key.endswith(".dir")))
    with pytest.raises(Exception, match="textgate data push --config x.yaml"):
        data.version(pushed, " --config x.yaml")


def test_data_and_base_model_are_not_missing_where_credentials_are(pushed: Settings, bare: Callable[[], None]) -> None:
    bare()
    for line in (data.version(pushed, ""), data.base_model(pushed)):
        assert line.state == "unknown" and line.said.startswith("this machine has no credentials for s3://textgate/")
        assert "AWS_SECRET_ACCESS_KEY" in line.advice and "push" not in line.advice


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("AWS_ACCESS_KEY_ID", "does not know the access key of the credentials; check AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "the secret is not the one of the access key; check AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_credentials_that_are_refused_are_named_in_the_place_of_the_data(
    pushed: Settings, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "another")
    line = data.version(pushed, "")
    assert line.state == "failed" and said in line.said and "push" not in line.said + line.advice


def test_a_base_model_is_looked_at_without_being_read(seaweed: str, tmp_path: Path) -> None:
    settings = make_settings(base_model={"reference": f"{seaweed}/base"})
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text(name)
        open_store(f"{seaweed}/base").replace(name, tmp_path / name)
    assert data.base_model(settings).state == "ok"
    open_store(f"{seaweed}/base").remove("tokenizer.json")
    line = data.base_model(settings)
    assert line.state == "failed" and "has no tokenizer.json" in line.said


def test_a_base_model_of_the_image_or_of_the_pods_mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = data.base_model(make_settings(base_model={"reference": "package://no_such_package/model"}))
    assert absent.state == "unknown" and "image" in absent.advice
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    inside = {"env": {"MLFLOW_TRACKING_URI": "http://mlflow.textgate.svc:5000"}}
    registered = data.base_model(make_settings(base_model={"reference": "mlflow://tiny/1"}, cluster=inside))
    assert registered.state == "unknown" and "MLFLOW_TRACKING_URI" in registered.advice


def test_the_name_of_an_inner_store_keeps_the_data_unknown(pushed: Settings) -> None:
    s3 = pushed.s3.model_copy(update={"endpoint": "http://seaweedfs:8333"})
    assert data.version(pushed.model_copy(update={"s3": s3}), "").state == "unknown"
    shutil.rmtree(Path(pushed.data.version).parent / "remote")
