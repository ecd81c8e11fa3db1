from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from typing import Any

import pytest
from kfp_server_api import ApiException as KubeflowsAnswer
from kubernetes.client import ApiException as KubernetesAnswer

from components.base.retry_after import pause_after


@pytest.mark.parametrize("answer", [KubeflowsAnswer, KubernetesAnswer])
@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.5),
        ("86400", 60.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.5),
        (formatdate(4e9, usegmt=True), 60.0),
        *((nonsense, 0.5) for nonsense in ("", "soon", "-3", "1.5", "²", "9" * 5000, "Wed, 99 Oct 99999 07:28:00 GMT")),
    ],
)
def test_what_a_server_asks_for_is_kept_within_bounds(answer: Any, asked: str, pause: float) -> None:
    busy = answer(429)
    busy.headers = {"Retry-After": asked}
    assert pause_after(busy, 0.5, 60) == pause


def test_a_date_is_waited_for() -> None:
    busy = KubeflowsAnswer(503)
    busy.headers = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)}
    assert 20 < pause_after(busy, 0.5, 60) <= 30


@pytest.mark.parametrize("error", [KubeflowsAnswer(503), ConnectionError()])
def test_without_such_a_header_the_own_pause_is_kept(error: Exception) -> None:
    assert pause_after(error, 100, 60) == 100
