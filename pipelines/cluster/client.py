"""One Kubeflow Pipelines API: reached with the settings' credentials, asked again where trouble may pass."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import kfp
import kfp_server_api as api
from urllib3.exceptions import HTTPError

from components.base.errors import TextgateError
from components.base.retry_after import pause_after
from components.base.settings import ClusterSettings, Settings
from components.base.settings.cluster import host_fault
from pipelines.cluster import errors
from pipelines.cluster.answers import STRANGE, check_answer
from pipelines.cluster.auth import Auth, read_auth
from pipelines.cluster.causes import OLD
from pipelines.cluster.deadline import within
from pipelines.cluster.errors import CONFLICT, LONGEST_PAUSE_S, REDIRECTS, TROUBLE, may_pass, no_tls, reason

# Seconds to connect and for each byte; the greater one is also for the whole answer.
FIRST_ANSWER_S = (3, 3)
ANSWER_S = (5, 60)
UPLOAD_S = (5, 300)
PAGE = 100
# What is done with the service account that the settings name, as messages say it.
START, SCHEDULE = "start the run", "make the schedule"

Answer = TypeVar("Answer")


class _Client(kfp.Client):  # type: ignore[misc]
    """kfp's constructor asks for the API's health, for minutes and without a time limit: this asks once, briefly.

    No redirect is followed, which would carry a token to another host, and no request is sent twice unseen. kfp's file
    of a user's context is neither read nor written: what stands there by chance decides nothing here, and our header
    does not get there.
    """

    def __init__(self, host: str, namespace: str, auth: Auth) -> None:
        self._auth, self._health, self._guarded = auth, None, False
        super().__init__(
            host,
            namespace=namespace,
            existing_token=auth.token or None,
            cookies=auth.cookie,
            credentials=auth.projected,
            ssl_ca_cert=auth.ca_bundle or None,
        )
        self._guard()

    def _load_config(self, *arguments: Any) -> Any:
        config = super()._load_config(*arguments)
        config.retries = False
        return config

    def _load_context_setting_or_default(self) -> None:
        name, value = self._auth.header or (None, None)
        self._context_setting = {
            "namespace": "",
            "client_authentication_header_name": name,
            "client_authentication_header_value": value,
        }

    def set_user_namespace(self, namespace: str) -> None:
        self._context_setting["namespace"] = namespace

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        if self._health is None:
            self._guard()
            self._health = self._healthz_api.healthz_service_get_healthz(_request_timeout=FIRST_ANSWER_S)
        return self._health

    def _guard(self) -> None:
        """Of each request, the time as a whole is bounded and the answer checked; the constructor makes one already."""
        if self._guarded:
            return
        self._guarded = True
        shared = self._healthz_api.api_client
        read, send = shared.deserialize, shared.rest_client.request
        shared.deserialize = lambda response, kind: self._read(read, response, kind)
        shared.rest_client.request = lambda *what, **how: within(
            max(how.get("_request_timeout") or ANSWER_S), lambda: send(*what, **how)
        )

    def _read(self, read: Callable[[Any, str], Any], response: Any, kind: str) -> Any:
        """The client would take a page for an answer with nothing in it, and a wrong date for one without a status."""
        content = response.getheader("Content-Type") or ""
        if "json" not in content:
            raise api.ApiException(
                response.status, f"{content or 'nothing'} in place of JSON, a login page maybe: {self._auth.fresh}"
            )
        check_answer(response.data, kind)
        try:
            return read(response, kind)
        except api.ApiException as error:
            raise api.ApiException(200, STRANGE) from error


class Cluster:
    """`client` is the kfp.Client, `namespace` None where Kubeflow serves one user; `options` are those of the commands
    that messages name."""

    options = ""

    def __init__(
        self, settings: ClusterSettings, host: str = "", namespace: str = "", *, patient: bool = False
    ) -> None:
        """`host` and `namespace` are taken before those of the settings; one that is `patient` asks again for
        PATIENCE_S. Raises TextgateError, after 16 seconds at most, where no Kubeflow Pipelines API answers and lets us
        in: then even the patient one waits only for a server that says it is busy, up to PATIENCE_S, as any does that
        is asked to by Retry-After."""
        self.settings, self.auth = settings, read_auth(settings.auth)
        self._patient, self._met = patient, False
        self.host = _checked_host(host or settings.host)
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        namespace = namespace or settings.namespace
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.client = self.ask("tell its health", lambda: _Client(self.host, namespace or "kubeflow", self.auth))
        self._met = True
        self.multi_user = bool(self.ask("tell its health", self.client.get_kfp_healthz).multi_user)
        self.namespace = namespace or (self.client.get_user_namespace() if self.multi_user else "") or None
        if self.multi_user and not self.namespace:
            raise TextgateError(
                f"Kubeflow at {self.host} serves several users: name your namespace with --namespace or as"
                " cluster.namespace"
            )

    @classmethod
    def of(cls, settings: Settings, host: str = "", namespace: str = "", *, patient: bool = False) -> Self:
        return cls(settings.cluster, host, namespace, patient=patient)

    def ask(self, doing: str, call: Callable[[], Answer]) -> Answer:
        """What the call gives; tried again a few times where its trouble may pass, and said once on stderr where that
        takes long. Raises TextgateError."""
        began, said = time.monotonic(), False
        pauses = iter(errors.PAUSES)
        while True:
            try:
                return checked(call)
            except TROUBLE as error:
                patient = self._patient and (self._met or not isinstance(error, HTTPError))
                pause = next(pauses, errors.PAUSES[-1] if patient else None)
                pause = pause and pause_after(error, pause, LONGEST_PAUSE_S)
                spent = time.monotonic() - began
                if pause is None or not may_pass(error) or spent + pause > errors.PATIENCE_S:
                    raise TextgateError(self.message(doing, error)) from error
                if not said and spent + pause > errors.QUIET_S:
                    self._say_that_it_waits(doing, error, pause)
                    said = True
                time.sleep(pause)

    def _say_that_it_waits(self, doing: str, error: Exception, pause: float) -> None:
        print(
            f"textgate: Kubeflow at {self.host} did not {doing} yet ({self.auth.hide(reason(error))}); asking again in"
            f" {pause:.0f} s, and for {errors.PATIENCE_S / 60:.0f} minutes at most",
            file=sys.stderr,
            flush=True,
        )

    def find_or_create(self, doing: str, find: Callable[[], Any], create: Callable[[], Any]) -> tuple[Any, bool]:
        """The one that exists, or a new one, and whether it is new; somebody else may make it at the same moment, and
        an answer that is lost may have been one of success."""

        def either() -> tuple[Any, bool]:
            if found := find():
                return found[0], False
            try:
                return create(), True
            except api.ApiException as error:
                if error.status != CONFLICT or not (found := find()):
                    raise
                return found[0], False

        return self.ask(doing, either)

    def pages(self, doing: str, call: Callable[..., Any], key: str, **query: Any) -> Iterator[Any]:
        """All that a list holds, page after page."""
        token = ""
        while True:
            more = {**query, "page_token": token, "page_size": PAGE, "_request_timeout": ANSWER_S}
            answer = self.ask(doing, lambda more=more: call(**more))  # type: ignore[misc]
            items = getattr(answer, key) or []
            if not all(getattr(item, f"{key.removesuffix('s')}_id") for item in items):
                raise TextgateError(self.message(doing, api.ApiException(200, STRANGE)))
            yield from items
            token = answer.next_page_token
            if not token:
                return

    def command(self, *words: str) -> str:
        """As one would type it to reach this very Kubeflow."""
        return f"textgate {shlex.join(words)}{self.options}"

    def link(self, run_id: str) -> str:
        return f"{self.host}/#/runs/details/{run_id}"

    def message(self, doing: str, error: Exception) -> str:
        status, said = getattr(error, "status", None), self.auth.hide(reason(error))
        where = f"Kubeflow at {self.host}"
        if isinstance(error, HTTPError):
            return f"{where} does not answer ({said}); check --host and the network"
        if status == 0:
            return f"{where} {no_tls(said)}"
        if status == 401:
            return f"{where} refused access ({said}); {self.auth.fresh}"
        if status == 403:
            granted = f"or have its administrator grant the right to do so{self._of_account(doing)}"
            return f"{where} refused access ({said}); {self.auth.fresh}, {granted}"
        if status in REDIRECTS:
            return f"{where} did not {doing} ({said}); if that is a login page, {self.auth.fresh}; else correct --host"
        if status == 200:
            return (
                f"{where} did not {doing} ({said}); this host is no Kubeflow Pipelines API, or something answers in its"
                " place: check --host"
            )
        if "unknown field" in said:
            return f"{where} did not {doing} ({said}); {OLD}"
        if status == 429 or (status or 0) >= 500:
            return f"{where} did not {doing} ({said}), asked several times; try again later"
        advice = "" if status in {400, CONFLICT} else "; check that --host is that of a Kubeflow Pipelines API"
        return f"{where} did not {doing} ({said}){advice}"

    def _of_account(self, doing: str) -> str:
        account = self.settings.service_account if doing in {START, SCHEDULE} else ""
        where = "; from version 2.18 on it must also allow the service account"
        return f"{where} {account} (cluster.service_account): infra/README.md says how" if account else ""


def named(name: str) -> dict[str, Any]:
    """What asks a list for the one of this name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return {"filter": json.dumps({"predicates": [predicate]}), "_request_timeout": ANSWER_S}


def checked(call: Callable[[], Answer]) -> Answer:
    """The client trips over an error without a text, and over an answer that is not what its models expect; here both
    are an ApiException as well."""
    try:
        return call()
    except HTTPError:
        raise
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        if isinstance(error.__context__, api.ApiException):
            raise error.__context__ from None
        raise api.ApiException(200, STRANGE) from error


def _checked_host(host: str) -> str:
    if not host.strip():
        raise TextgateError("no Kubeflow is named; give --host URL, or set cluster.host in the config")
    host = host.strip().rstrip("/")
    if fault := host_fault(host):
        raise TextgateError(f"--host {fault}")
    return host
