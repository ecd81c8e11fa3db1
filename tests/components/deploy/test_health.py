from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from components.base.errors import TextgateError
from components.base.settings import TrafficSettings
from components.deploy.health import Probes, Prometheus, Seen, beyond
from components.deploy.manifests import Release
from serving.bundle import digest
from tests.components.deploy.loopback_kserve import State, kserve
from tests.serving.running import Running

LIMITS = TrafficSettings(max_error_rate=0.1, max_p95_ms=50, min_requests=10)
RELEASE = Release("tiny", "2", "d" * 64, 2, "s3://bundles/tiny")


@pytest.fixture
def server() -> Iterator[tuple[str, State]]:
    with kserve() as found:
        yield found


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(10, 1, 50, "x"), ""),
        (Seen(10, 2, 50, "x"), "error rate 0.2 above max_error_rate 0.1, of 10 answers, 2 of them errors"),
        (Seen(10, 0, 51, "x"), "latency above max_p95_ms 50: 10 answers, 0 of them errors, 95 of 100 within 51 ms (x)"),
        (Seen(9, 9, 500, "x"), ""),
        (Seen(10, 0, math.nan, "x"), ""),
    ],
)
def test_limits_are_passed_or_not(seen: Seen, said: str) -> None:
    assert beyond(seen, LIMITS).startswith(said) and bool(said) == bool(beyond(seen, LIMITS))


def test_without_answers_nothing_is_beyond() -> None:
    assert beyond(Seen(0, 0, math.nan, "x"), TrafficSettings(min_requests=0)) == ""


def test_prometheus_is_asked_for_the_servers_of_this_bundle(
    server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = server
    monkeypatch.setenv("TEXTGATE_PROMETHEUS_TOKEN", "t-1")
    source = Prometheus(url, RELEASE, 90)
    assert source.look().requests == 0 and math.isnan(source.look().p95_ms)
    state.figures["d" * 64] = (200, 3, 0.025)
    assert source.look() == Seen(200, 3, 25, "Prometheus")
    requests, errors, p95 = state.queries[-3:]
    model = f'textgate_model_info{{model="tiny",digest="{"d" * 64}"}}'
    mine = f"* on (job, instance) group_left () {model}"
    assert requests == f"sum(increase(textgate_requests_total[90s]) {mine})"
    assert errors == f'sum(increase(textgate_requests_total{{status=~"5.."}}[90s]) {mine})'
    assert p95 == (f"histogram_quantile(0.95, sum by (le) (rate(textgate_request_seconds_bucket[90s]) {mine}))")


def test_an_answer_that_is_none_of_prometheus_is_told(server: tuple[str, State]) -> None:
    source = Prometheus(f"{server[0]}/v2/health/live#", RELEASE, 0)
    with pytest.raises(TextgateError, match=r"gives no figures .*deploy\.kserve\.canary\.prometheus"):
        source.look()


def test_probes_count_the_real_server_s_own_answers(tiny: ModuleType, running: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    release = Release("tiny", "2", digest(tmp_path / "bundle"), 2, "s3://bundles/tiny")
    arguments = ("--bundle", str(tmp_path / "bundle"), "--name", "tiny", "--version", "2")
    with running.running(tmp_path, *arguments) as server:
        assert isinstance(server, Running)
        probes = Probes(str(server.http.base_url), release, tmp_path / "bundle")
        probes.reach()
        seen = probes.look()
        assert (seen.requests, seen.errors) == (10, 0) and 0 < seen.p95_ms < 10_000
        other = Probes(str(server.http.base_url), Release("tiny", "3", "", 0, ""), tmp_path / "bundle")
        assert other.look().requests == 0
        unknown = Probes(str(server.http.base_url), Release("tinny", "2", "", 0, ""), tmp_path / "bundle")
        assert unknown.look().errors == 10
    gone = probes.look()
    assert (gone.requests, gone.errors) == (20, 10)
    with pytest.raises(TextgateError, match="does not answer from here"):
        probes.reach()
