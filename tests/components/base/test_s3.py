from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.stub import Stubber

from components.base import s3
from components.base.errors import TextgateError
from components.base.objects import open_store
from components.base.s3 import S3Store
from components.base.settings import S3Settings
from infra.local.seaweed import Identity
from tests.certificates import Authority
from tests.proxy import Proxy
from tests.weed import ADMIN, NOBODY, READER, Weed

ActAs = Callable[[Identity], None]

MIB = 1 << 20
LONG = bytes(range(256)) * (12 * MIB // 256)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    monkeypatch.setattr(s3, "RESUME_PAUSES", (0.0, 0.0))


def complaints(url: str, settings: S3Settings | None = None) -> dict[str, str]:
    """What one store says, asked in each way; "" where it does as asked."""
    store = open_store(url, settings)
    asks: dict[str, Callable[[], object]] = {
        "chunks": lambda: list(store.chunks("a")),
        "create": lambda: store.create("new", b"one"),
        "exists": lambda: store.exists("a"),
        "keys": store.keys,
    }
    said = dict.fromkeys(asks, "")
    for way, ask in asks.items():
        try:
            ask()
        except TextgateError as error:
            said[way] = str(error)
    return said


def complaint(url: str, settings: S3Settings | None = None) -> str:
    """What a store says, the same in each way."""
    (said,) = set(complaints(url, settings).values())
    return said


def test_a_wrong_secret_is_told(seaweed: str, seaweed_server: Weed, act_as: ActAs) -> None:
    act_as(ADMIN._replace(secret="wrong"))
    said = complaint(seaweed)
    assert said.startswith(f"{seaweed_server.endpoint} does not accept the credentials: the secret")
    assert said.endswith("check AWS_SECRET_ACCESS_KEY")


def test_an_unknown_access_key_is_told(seaweed: str, seaweed_server: Weed, act_as: ActAs) -> None:
    act_as(ADMIN._replace(key="unknown"))
    said = complaint(seaweed)
    assert said == f"{seaweed_server.endpoint} does not know the access key of the credentials; check AWS_ACCESS_KEY_ID"


def test_no_credentials_are_told(seaweed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    said = complaint(seaweed)
    assert said.startswith(f"no credentials for {seaweed} (")
    assert said.endswith("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


@pytest.mark.parametrize(
    ("who", "lacks"),
    [
        (READER, {"create": "s3:PutObject for {}/new"}),
        (
            NOBODY,
            {
                "chunks": "s3:GetObject for {}/a",
                "create": "s3:PutObject for {}/new",
                "exists": "s3:GetObject for {}/a",
                "keys": "s3:ListBucket for {}/",
            },
        ),
    ],
    ids=["reader", "nobody"],
)
def test_a_missing_permission_is_named(
    seaweed: str, seaweed_server: Weed, act_as: ActAs, who: Identity, lacks: dict[str, str]
) -> None:
    assert open_store(seaweed).create("a", b"one")
    act_as(who)
    for way, said in complaints(seaweed).items():
        if way in lacks:
            what = lacks[way].format(seaweed)
            assert said.startswith(f"the credentials lack the permission {what} at {seaweed_server.endpoint}")
            assert said.endswith("; grant it or use other credentials")
        else:
            assert not said


def test_who_may_read_reads(seaweed: str, act_as: ActAs) -> None:
    open_store(seaweed).create("a", b"one")
    act_as(READER)
    store = open_store(seaweed)
    assert (store.exists("a"), store.exists("b"), store.keys(), list(store.chunks("a"))) == (
        True,
        False,
        ["a"],
        [b"one"],
    )


def test_a_bucket_that_does_not_exist_is_named(seaweed: str, seaweed_server: Weed) -> None:
    said = complaint("s3://nowhere/x")
    start = f"there is no bucket nowhere at {seaweed_server.endpoint}; create it, or correct s3://nowhere/x"
    assert said.startswith(start)


def test_a_name_that_no_bucket_can_have_is_told(seaweed: str) -> None:
    for said in complaints("s3://no where").values():
        assert said.startswith("s3://no where/") and "cannot be reached" in said and "\n" not in said


def test_a_server_that_is_down_is_named(seaweed: str, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    assert complaint("s3://textgate/x") == (
        f"{NOWHERE} does not answer (Connection refused); check that it runs, and s3.endpoint (or AWS_ENDPOINT_URL_S3"
        " where that is empty)"
    )


def test_a_host_that_does_not_exist_is_named(seaweed: str, impatient: None) -> None:
    said = complaint(seaweed, S3Settings(endpoint="http://no-such-host.invalid"))
    assert said.startswith("http://no-such-host.invalid does not answer (")


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://host"])
def test_an_endpoint_that_is_no_address_is_told(seaweed: str, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    for said in complaints(seaweed).values():
        assert endpoint in said and "s3.endpoint (or AWS_ENDPOINT_URL_S3" in said
    with pytest.raises(ValueError, match=f"endpoint must begin with http:// or https://, got {endpoint}"):
        S3Settings(endpoint=endpoint)


def test_a_password_in_the_environments_endpoint_is_in_no_message(
    seaweed: str, seaweed_server: Weed, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (seaweed_server.endpoint, NOWHERE, "http://127.0.0.1:port", "https://127.0.0.1:9"):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address.replace("://", "://ann:hunter2@"))
        for said in complaints("s3://nowhere/x").values():
            assert said and "hunter2" not in said


def test_the_endpoint_of_the_settings_goes_before_the_environment(
    seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    store = open_store(seaweed, S3Settings(endpoint=seaweed_server.endpoint))
    assert store.create("a", b"one")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweed_server.endpoint)
    assert open_store(seaweed).keys() == ["a"]


def test_the_region_of_the_settings_goes_before_the_environment(seaweed: str, seaweed_server: Weed) -> None:
    with Proxy(seaweed_server.address) as proxy:
        for region in ("", "eu-north-7"):
            open_store(seaweed, S3Settings(endpoint=proxy.endpoint, region=region)).keys()
    regions = re.findall(rb"Credential=[^/]+/\d+/([^/]+)/s3/", proxy.sent)
    assert regions == [b"us-east-1", b"eu-north-7"]


@pytest.mark.parametrize(("mode", "sums"), [("when_supported", True), ("when_required", False)])
def test_the_mode_of_checksums_reaches_the_wire(seaweed: str, seaweed_server: Weed, mode: str, sums: bool) -> None:
    with Proxy(seaweed_server.address) as proxy:
        settings = S3Settings.model_validate({"endpoint": proxy.endpoint, "checksums": mode})
        store = open_store(seaweed, settings)
        assert store.create("a", LONG[: 2 * MIB])
        assert b"".join(store.chunks("a")) == LONG[: 2 * MIB]
    heads = bytes(proxy.sent).lower()
    assert (b"x-amz-checksum-crc32" in heads, b"x-amz-checksum-mode: enabled" in heads) == (sums, sums)


def test_the_mode_of_checksums_may_come_from_the_environment(
    seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    with Proxy(seaweed_server.address) as proxy:
        assert open_store(seaweed, S3Settings(endpoint=proxy.endpoint)).create("a", b"one")
    assert b"x-amz-checksum-crc32" not in bytes(proxy.sent).lower()


def test_tls_with_the_bundle_of_the_settings_or_of_the_environment(
    tls_seaweed: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_store(tls_seaweed, S3Settings(ca_bundle=str(authority.bundle))).create("a", b"one")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    assert open_store(tls_seaweed).keys() == ["a"]


def test_a_certificate_by_an_authority_that_is_not_trusted_is_refused(
    tls_seaweed: str, tls_seaweed_server: Weed, authority: Authority, impatient: None, tmp_path: Path
) -> None:
    others = Authority(tmp_path).bundle
    for settings in (S3Settings(), S3Settings(ca_bundle=str(others))):
        said = complaint(tls_seaweed, settings)
        assert said.startswith(f"the certificate of {tls_seaweed_server.endpoint} is not trusted (")
        assert "certificate verify failed" in said and "s3.ca_bundle (or AWS_CA_BUNDLE" in said
    elsewhere = tls_seaweed_server.endpoint.replace("127.0.0.1", "localhost")
    said = complaint(tls_seaweed, S3Settings(ca_bundle=str(authority.bundle), endpoint=elsewhere))
    assert said.startswith(f"the certificate of {elsewhere} is not trusted (") and "doesn't match" in said
    assert open_store(tls_seaweed, S3Settings(ca_bundle=str(authority.bundle))).keys() == []


def test_a_bundle_that_cannot_be_used_is_named(tls_seaweed: str, tmp_path: Path) -> None:
    absent, empty = tmp_path / "absent.pem", tmp_path / "empty.pem"
    empty.write_text("no certificate")
    said = complaint(tls_seaweed, S3Settings(ca_bundle=str(absent)))
    assert said == f"s3.ca_bundle {absent} cannot be read: No such file or directory"
    said = complaint(tls_seaweed, S3Settings(ca_bundle=str(empty)))
    assert said == f"s3.ca_bundle {empty} holds no certificate in PEM form"


def test_tls_where_there_is_none_and_none_where_there_is_are_told(
    tls_seaweed: str, tls_seaweed_server: Weed, seaweed_server: Weed, impatient: None
) -> None:
    secure = seaweed_server.endpoint.replace("http://", "https://")
    said = complaint(tls_seaweed, S3Settings(endpoint=secure))
    assert said.startswith(f"{secure} does not speak TLS; write http://")
    plain = tls_seaweed_server.endpoint.replace("https://", "http://")
    assert all(plain in said for said in complaints(tls_seaweed, S3Settings(endpoint=plain)).values())


def test_a_download_goes_on_where_the_connection_was_cut(
    seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "RESUME_PAUSES", (0.01,))
    open_store(seaweed).create("a", LONG)
    with Proxy(seaweed_server.address, after=5 * MIB // 2, cuts=4) as proxy:
        store = open_store(seaweed, S3Settings(endpoint=proxy.endpoint))
        assert b"".join(store.chunks("a")) == LONG
    starts = [int(start) for start in re.findall(rb"(?i)range: bytes=(\d+)-", proxy.sent)]
    assert len(starts) == 4 and starts == sorted(set(starts)) and starts[0] >= 2 * MIB
    assert proxy.sent.lower().count(b"if-match: ") == 4


def test_a_download_that_gets_no_further_is_given_up(seaweed: str, seaweed_server: Weed, impatient: None) -> None:
    open_store(seaweed).create("a", LONG)
    with Proxy(seaweed_server.address, after=1000, cuts=100) as proxy:
        store = open_store(seaweed, S3Settings(endpoint=proxy.endpoint))
        with pytest.raises(TextgateError, match=rf"{proxy.endpoint} does not answer \("):
            list(store.chunks("a"))
    assert proxy.sent.count(b"GET ") == 1 + len(s3.RESUME_PAUSES)


def test_an_object_that_is_replaced_in_between_is_not_mixed(
    seaweed: str, seaweed_server: Weed, impatient: None
) -> None:
    direct = S3Store(seaweed)
    direct.create("a", LONG)
    with Proxy(seaweed_server.address, after=2 * MIB, cuts=1, hold=True) as proxy:
        chunks = open_store(seaweed, S3Settings(endpoint=proxy.endpoint)).chunks("a")
        assert next(chunks)
        assert proxy.held.wait(30)
        direct.client.put_object(Bucket=direct.bucket, Key=f"{direct.prefix}/a", Body=LONG[::-1])
        proxy.break_off()
        with pytest.raises(TextgateError, match=rf"{seaweed}/a was replaced while it was read"):
            list(chunks)


@pytest.mark.parametrize(("conflicts", "then", "won"), [(2, "", True), (1, "PreconditionFailed", False)])
def test_a_stubbed_conflict_is_tried_again(
    seaweed: str, monkeypatch: pytest.MonkeyPatch, conflicts: int, then: str, won: bool
) -> None:
    """S3 answers 409 while another write of the key is under way; SeaweedFS never does."""
    monkeypatch.setattr(s3, "CONFLICT_PAUSES", (0.0, 0.0))
    store = S3Store("s3://textgate/x")
    with Stubber(store.client) as stub:
        for _ in range(conflicts):
            stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        if then:
            stub.add_client_error("put_object", then, http_status_code=412)
        else:
            stub.add_response("put_object", {})
        assert store.create("a", b"one") is won
        stub.assert_no_pending_responses()


def test_stubbed_conflicts_without_end_are_an_error(seaweed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "CONFLICT_PAUSES", (0.0,))
    store = S3Store("s3://textgate/x")
    with Stubber(store.client) as stub:
        for _ in range(2):
            stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        with pytest.raises(TextgateError, match="ConditionalRequestConflict"):
            store.create("a", b"one")


@pytest.mark.parametrize(
    ("code", "status", "complaint"),
    [
        ("PermanentRedirect", 301, "the bucket textgate is in another region.*check s3.region"),
        ("ExpiredToken", 400, "their session has ended; renew AWS_SESSION_TOKEN"),
        ("RequestTimeTooSkewed", 403, "the clock of this machine is wrong"),
        ("QuotaExceeded", 403, r"refused GetObject of s3://textgate/x/a \(QuotaExceeded: what S3 said\)"),
    ],
)
def test_stubbed_answers_that_only_other_servers_give(seaweed: str, code: str, status: int, complaint: str) -> None:
    store = S3Store("s3://textgate/x")
    with Stubber(store.client) as stub:
        stub.add_client_error("get_object", code, "what S3 said", http_status_code=status)
        with pytest.raises(TextgateError, match=complaint):
            list(store.chunks("a"))
