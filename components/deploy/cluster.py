"""How Kubernetes is reached, and KServe's objects of one namespace there, by server-side apply."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from kubernetes import client as k8s
from urllib3.exceptions import HTTPError

from components.base.errors import TextgateError
from components.base.retry_after import pause_after
from components.deploy import kubeconfig
from components.deploy.observed import Manifest

MANAGER = "textgate"
PLURALS = {"ServingRuntime": ("v1alpha1", "servingruntimes"), "InferenceService": ("v1beta1", "inferenceservices")}
CONFLICT, TOO_MANY = 409, 429
ANSWER_S = (5, 30)
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_PAUSE_S = 30.0

# An error page that is not UTF-8 breaks the client's own handling of errors.
TROUBLE = (k8s.ApiException, HTTPError, UnicodeDecodeError)


def connect() -> Any:
    """A client of what kubeconfig.load() finds; no request is sent twice. Raises TextgateError as that does."""
    settings = k8s.Configuration()
    kubeconfig.load(settings)
    settings.retries = False
    return k8s.ApiClient(settings)


class Cluster:
    """Reached as connect() says.

    Each method asks again where the API server is busy or away, and raises TextgateError where it stays so or refuses.
    """

    def __init__(self, namespace: str) -> None:
        """Raises TextgateError where no cluster is configured."""
        self.namespace, self._api = namespace, connect()
        self.host = self._api.configuration.host

    def apply(self, manifest: Manifest) -> Manifest:
        """Makes the object what the manifest says, others' changes to the same fields undone; gives it as it is."""
        query = [("fieldManager", MANAGER), ("force", "true")]
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        found = self._ask("PATCH", kind, name, "change", query, manifest)
        if found is None:
            raise TextgateError(
                f"the cluster at {self.host} has no namespace {self.namespace}; create it, or correct"
                " deploy.kserve.namespace"
            )
        return found

    def find(self, kind: str, name: str) -> Manifest | None:
        return self._ask("GET", kind, name, "read", [])

    def delete(self, kind: str, name: str) -> bool:
        """False where there is none."""
        return self._ask("DELETE", kind, name, "delete", []) is not None

    def _ask(
        self, method: str, kind: str, name: str, doing: str, query: list[tuple[str, str]], body: Any = None
    ) -> Manifest | None:
        """The object; None where the server knows the kind, and has no such object or no such namespace."""
        version, plural = PLURALS[kind]
        path = f"/apis/serving.kserve.io/{version}/namespaces/{self.namespace}/{plural}/{name}"
        pauses = iter(PAUSES)
        while True:
            try:
                return self._send(method, path, query, body)
            except TROUBLE as error:
                if getattr(error, "status", None) == 404 and _is_about_an_object(error):
                    return None
                pause = next(pauses, None) if _may_pass(error) else None
                if pause is None:
                    raise TextgateError(self._message(f"{doing} {plural} in {self.namespace}", error)) from error
                time.sleep(pause_after(error, pause, LONGEST_PAUSE_S))

    def _send(self, method: str, path: str, query: list[tuple[str, str]], body: Any) -> Manifest:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"
        answer: Manifest = self._api.call_api(
            path,
            method,
            query_params=query,
            header_params=headers,
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=ANSWER_S,
        )
        if not isinstance(answer, dict):
            raise k8s.ApiException(status=0, reason="the answer is not JSON")
        return answer

    def _message(self, doing: str, error: Exception) -> str:
        status, said = getattr(error, "status", None), reason(error)
        where = f"the cluster at {self.host}"
        if "denied the request" in said or status in {400, 422}:
            return f"KServe on {where} refuses the manifest: {said}"
        if status == 401:
            return f"{where} refuses the credentials ({said}); renew those of the kubeconfig or service account"
        if status == 403:
            return (
                f"{where} does not let these credentials {doing} ({said}); grant the verbs get, create, patch, delete"
            )
        if status == 404:
            return f"{where} has no KServe: it does not know {doing.split()[1]}; install it, or choose another cluster"
        if not status:
            return f"{where} does not answer ({said}); check KUBECONFIG and the network"
        return f"{where} did not {doing} ({said}); try again later"


def _is_about_an_object(error: Exception) -> bool:
    """Whether an answer 404 names an object or namespace; of an unknown kind it says that there is no such resource."""
    details = _answer(error).get("details")
    return isinstance(details, dict) and bool(details.get("name"))


def _may_pass(error: Exception) -> bool:
    if not isinstance(error, k8s.ApiException):
        return True
    # Without a status it is a certificate that is not trusted.
    return bool(error.status) and (error.status in {CONFLICT, TOO_MANY} or error.status >= 500)


def _answer(error: Exception) -> dict[str, Any]:
    try:
        answer = json.loads(getattr(error, "body", None) or "")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def reason(error: Exception) -> str:
    """The server's own words in one line, where it has some."""
    if isinstance(error, UnicodeDecodeError):
        return "an error page that is not UTF-8"
    if isinstance(error, HTTPError):
        return re.sub(r"^<[^>]*>: ", "", " ".join(str(error).split()))
    status, said = getattr(error, "status", 0), _answer(error).get("message") or getattr(error, "reason", "")
    line = " ".join(str(said).split())[:400]
    return f"HTTP {status}: {line}" if status else line
