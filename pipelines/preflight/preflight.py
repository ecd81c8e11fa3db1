"""All checks at once, each by itself: what fails in one, or does not end, leaves the others as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

from components.base.errors import TextgateError
from components.base.settings import Settings
from pipelines.cluster import Cluster, check_settings
from pipelines.pods import steps_of
from pipelines.preflight import answers, data, images, kubeflow, kubernetes, storage, tracking
from pipelines.preflight.line import Line, State, failed, ok, unknown

LIMIT_S = 18.0


@dataclass(frozen=True)
class Check:
    """`covers` are the checks that `ask` has a line for; `late` is what they are where it does not end in time."""

    covers: tuple[str, ...]
    ask: Callable[[], Sequence[Line]]
    late: State = "unknown"


def preflight(
    settings: Settings,
    connect: Callable[[], Cluster],
    *,
    experiment: str = "",
    trains: bool = True,
    acts: bool = True,
    version: str = "",
    options: str = " --config FILE",
) -> list[Line]:
    """A line for everything that a run needs, after LIMIT_S at most. `connect` opens the Kubeflow API, `experiment` is
    the run's (empty: the config's name); `trains` where it needs data and base model, `acts` where it may promote and
    deploy; `version` is the one that is to be promoted. `options` are those of the command that messages name.
    """
    steps = steps_of(settings, trains, acts)
    checks = [
        Check(("settings",), lambda: [_settings(settings, trains, acts)]),
        Check(kubeflow.CHECKS, lambda: kubeflow.ask(connect, experiment or settings.name), late="failed"),
        Check(("MLflow",), lambda: [tracking.ask(settings, version)]),
        *(Check((check,), ask) for check, ask in storage.checks(settings, trains, acts)),
        *(Check((check,), ask) for check, ask in images.checks(settings, steps)),
        Check(("Kubernetes",), lambda: kubernetes.ask(settings, steps)),
    ]
    if trains:
        checks.append(Check(("data",), lambda: [data.version(settings, options)]))
        checks.append(Check(("base model",), lambda: [data.base_model(settings)]))
    return _all(checks)


def _all(checks: Sequence[Check]) -> list[Line]:
    found: list[Sequence[Line]] = [()] * len(checks)
    ended = [False] * len(checks)
    latest: list[list[str]] = [[] for _ in checks]

    def run(number: int) -> None:
        answers.keep(latest[number])
        found[number] = _lines(checks[number])
        ended[number] = True

    end = time.monotonic() + LIMIT_S
    threads = [Thread(target=run, args=(number,), daemon=True) for number in range(len(checks))]
    with answers.noted():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return [
            line
            for check, lines, has_ended, last in zip(checks, found, ended, latest, strict=True)
            for line in (lines if has_ended else _late(check, "".join(last)))
        ]


def _lines(check: Check) -> Sequence[Line]:
    try:
        return check.ask()
    except (TextgateError, OSError) as error:
        return [failed(name, str(error)) for name in check.covers]
    except Exception as error:
        said = f"a fault of textgate: {type(error).__name__}: {error}"
        return [unknown(name, said, "report it") for name in check.covers]


def _late(check: Check, answer: str) -> list[Line]:
    said, advice = f"no end of it after {LIMIT_S:g} s", "check the network, and what it is asked of"
    if answer:
        said, advice = f"{said}; the last answer was {answer}", "see why that server does not serve, or try again later"
    return [Line(name, check.late, said, advice) for name in check.covers]


def _settings(settings: Settings, trains: bool, acts: bool) -> Line:
    check_settings(settings, trains=trains, acts=acts)
    return ok("settings", "nothing in them leads to this machine alone")
