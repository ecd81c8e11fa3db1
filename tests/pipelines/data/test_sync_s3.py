"""Push, pull, status and the check before a run against a real S3 server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import s3
from components.base.dvc_tree import md5_file, object_key
from components.base.errors import TextgateError
from components.base.files import digest_files
from components.base.objects import open_store
from components.base.settings import Settings
from infra.local.seaweed import Identity
from pipelines.data.remote import check_remotes
from pipelines.data.status import status
from pipelines.data.sync import pull, push
from tests.certificates import Authority
from tests.pipelines.data.repositories import fresh_clone, objects, settings_of
from tests.weed import ADMIN, NOBODY, READER, Weed

ActAs = Callable[[Identity], None]


def pushed(settings: Settings) -> str:
    said: list[str] = []
    push(settings, said.append)
    return "\n".join(said)


def client(server: Weed) -> Any:
    import boto3

    environment = server.environment
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )


def keys(url: str) -> list[str]:
    return open_store(url).keys()


@pytest.mark.parametrize("end", ["", "/"])
def test_there_and_back(repo: Path, seaweed: str, end: str) -> None:
    remote = f"data.remotes=[{seaweed}{end}]"
    assert "holds all 4 objects now; sent: 4" in pushed(settings_of(repo, remote))
    assert keys(seaweed) == sorted(objects(repo / ".dvc/cache"))
    assert "holds all 4 objects already" in pushed(settings_of(repo, remote))
    check_remotes(settings_of(repo, remote))
    assert all(not finding.advice for finding in status(settings_of(repo, remote))[1])
    clone = fresh_clone(repo, repo.parent / "clone")
    assert pull(settings_of(clone, remote)).objects == 4
    assert digest_files(clone / "data") == digest_files(repo / "data")


def test_the_configs_options_reach_the_server(
    repo: Path, seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    options = [f"data.remotes=[{seaweed}]", f"s3.endpoint={seaweed_server.endpoint}", "s3.region=us-east-1"]
    options.append("s3.checksums=when_required")
    pushed(settings_of(repo, *options))
    check_remotes(settings_of(repo, *options))
    clone = fresh_clone(repo, repo.parent / "clone")
    pull(settings_of(clone, *options))
    assert digest_files(clone / "data") == digest_files(repo / "data")


def test_a_certificate_by_an_authority_of_ones_own(repo: Path, tls_seaweed: str, authority: Authority) -> None:
    trusting = [f"data.remotes=[{tls_seaweed}]", f"s3.ca_bundle={authority.bundle}"]
    pushed(settings_of(repo, *trusting))
    clone = fresh_clone(repo, repo.parent / "clone")
    pull(settings_of(clone, *trusting))
    assert digest_files(clone / "data") == digest_files(repo / "data")


@pytest.mark.parametrize("host", ["127.0.0.1:9", "127.0.0.1:port"])
def test_a_password_in_the_environments_endpoint_is_not_told(
    repo: Path, seaweed: str, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://ann:hunter2@{host}")
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    settings = settings_of(repo, f"data.remotes=[{seaweed}]")
    said = [str(status(settings))]
    for project, ask in ((repo, pushed), (repo, check_remotes), (fresh_clone(repo, repo.parent / "clone"), pull)):
        with pytest.raises(TextgateError) as refused:
            ask(settings_of(project, f"data.remotes=[{seaweed}]"))
        said.append(str(refused.value))
    assert all(host in one and "hunter2" not in one for one in said), said


@pytest.mark.slow
def test_a_server_that_is_away(repo: Path, private_seaweed: Weed) -> None:
    remote = f"data.remotes=[s3://{private_seaweed.bucket}/prefix]"
    pushed(settings_of(repo, remote))
    private_seaweed.kill()
    clone = fresh_clone(repo, repo.parent / "clone")
    with pytest.raises(TextgateError, match=r"nothing was pushed to .*does not answer"):
        pushed(settings_of(repo, remote))
    with pytest.raises(TextgateError, match=r"(?s)no remote gives the file list.*does not answer"):
        pull(settings_of(clone, remote))
    assert not (clone / "data").exists()


def test_wrong_credentials(repo: Path, seaweed: str, act_as: ActAs) -> None:
    remote = f"data.remotes=[{seaweed}]"
    pushed(settings_of(repo, remote))
    clone = fresh_clone(repo, repo.parent / "clone")
    act_as(ADMIN._replace(secret="wrong"))
    with pytest.raises(TextgateError, match=rf"nothing was pushed to {seaweed}: .*AWS_SECRET_ACCESS_KEY"):
        pushed(settings_of(repo, remote))
    with pytest.raises(TextgateError, match=rf"(?s)no remote gives the file list.*{seaweed}: .*AWS_SECRET_ACCESS_KEY"):
        pull(settings_of(clone, remote))
    assert not (clone / "data").exists()
    with pytest.raises(TextgateError, match=rf"(?s)could be asked for .*{seaweed}: .*AWS_SECRET_ACCESS_KEY$"):
        check_remotes(settings_of(repo, remote))
    for project in (repo, clone):
        (finding,) = [finding for finding in status(settings_of(project, remote))[1] if "://" in finding.topic]
        assert finding.says == "cannot be asked" and "credentials" in finding.advice


def test_who_may_only_read_pulls_and_is_told_on_a_push(repo: Path, seaweed: str, act_as: ActAs) -> None:
    remote = f"data.remotes=[{seaweed}]"
    act_as(READER)
    with pytest.raises(
        TextgateError, match=r"(?s)failed: it holds 0 of 4 objects.*lack the permission s3:PutObject for"
    ):
        pushed(settings_of(repo, remote))
    assert keys(seaweed) == []
    act_as(ADMIN)
    pushed(settings_of(repo, remote))
    act_as(READER)
    assert "already" in pushed(settings_of(repo, remote))
    check_remotes(settings_of(repo, remote))
    clone = fresh_clone(repo, repo.parent / "clone")
    assert pull(settings_of(clone, remote)).objects == 4
    act_as(NOBODY)
    other = fresh_clone(repo, repo.parent / "other")
    with pytest.raises(
        TextgateError, match=rf"(?s)no remote gives the file list.*{seaweed}: .*lack the permission s3:GetObject"
    ):
        pull(settings_of(other, remote))


def test_a_missing_bucket_is_not_made(repo: Path, seaweed: str, seaweed_server: Weed) -> None:
    settings = settings_of(repo, "data.remotes=[s3://no-such-bucket/prefix]")
    with pytest.raises(TextgateError, match=r"nothing was pushed to s3://no-such-bucket/prefix: .*bucket"):
        pushed(settings)
    assert "no-such-bucket" not in [bucket["Name"] for bucket in client(seaweed_server).list_buckets()["Buckets"]]
    with pytest.raises(TextgateError, match=r"(?s)could be asked for the file list.*no-such-bucket.*bucket"):
        check_remotes(settings)
    (finding,) = [finding for finding in status(settings)[1] if finding.advice]
    assert finding.says == "cannot be asked" and "bucket" in finding.advice


def test_an_object_that_vanished_is_named_and_sent_again(repo: Path, seaweed: str, seaweed_server: Weed) -> None:
    settings = settings_of(repo, f"data.remotes=[{seaweed}]")
    pushed(settings)
    key = object_key(md5_file(repo / "data/train.parquet"))
    client(seaweed_server).delete_object(Bucket=seaweed_server.bucket, Key=f"{seaweed.rpartition('/')[2]}/{key}")
    with pytest.raises(TextgateError, match=r"no remote holds train.parquet of data.dvc"):
        check_remotes(settings)
    clone = fresh_clone(repo, repo.parent / "clone")
    with pytest.raises(TextgateError, match=r"(?s)no remote gives train.parquet of data.dvc.*no such object"):
        pull(settings_of(clone, f"data.remotes=[{seaweed}]"))
    assert not (clone / "data").exists()
    assert "sent: 1" in pushed(settings)
    assert pull(settings_of(clone, f"data.remotes=[{seaweed}]")).objects == 1
    assert digest_files(clone / "data") == digest_files(repo / "data")


def test_an_altered_object_is_not_taken_for_the_data(repo: Path, seaweed: str, seaweed_server: Weed) -> None:
    pushed(settings_of(repo, f"data.remotes=[{seaweed}]"))
    key = object_key(md5_file(repo / "data/train.parquet"))
    place = {"Bucket": seaweed_server.bucket, "Key": f"{seaweed.rpartition('/')[2]}/{key}"}
    client(seaweed_server).put_object(**place, Body=b"altered")
    clone = fresh_clone(repo, repo.parent / "clone")
    with pytest.raises(TextgateError, match=r"(?s)no remote gives train.parquet of data.dvc.*the object is corrupt"):
        pull(settings_of(clone, f"data.remotes=[{seaweed}]"))
    assert not (clone / "data").exists()
    assert not (clone / ".dvc/cache" / key).exists()
    push(settings_of(repo, "data.remotes=[remote]"), lambda _: None)
    pull(settings_of(clone, f"data.remotes=[{seaweed}, {repo / 'remote'}]"))
    assert digest_files(clone / "data") == digest_files(repo / "data")
