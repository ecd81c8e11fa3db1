"""What KUBECONFIG names, looked at before the client of Kubernetes trips over it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client as k8s
from kubernetes import config as k8s_config

from components.base.errors import TextgateError

DEFAULT = "~/.kube/config"
CONTEXT = "current-context"
# What the client raises of content that is not as it should be.
MALFORMED = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


def load(settings: k8s.Configuration) -> None:
    """Sets the current context of KUBECONFIG, in a pod its service account, else the context of ~/.kube/config.

    Raises TextgateError that names the file which is no kubeconfig, or says that no cluster is configured.
    """
    named = os.environ.get("KUBECONFIG")
    contents: dict[Path, dict[str, Any]] = {}
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not named:
            k8s_config.load_incluster_config(client_configuration=settings)
            return
        paths = [Path(os.path.expanduser(path)) for path in (named or DEFAULT).split(os.pathsep) if path]  # noqa: PTH111
        contents = {path: content for path in paths if (content := _content(path)) is not None}
        if contents and not any(content.get(CONTEXT) for content in contents.values()):
            raise TextgateError(f"{_joined(contents)} has no {CONTEXT}; `kubectl config use-context NAME` sets it")
        k8s_config.load_kube_config(named, client_configuration=settings)
    except k8s_config.ConfigException as error:
        if contents:
            raise _invalid(_joined(contents), _shown(error)) from None
        raise TextgateError(f"no cluster is configured ({error}); set KUBECONFIG") from None
    except OSError as error:
        raise TextgateError(f"no cluster is configured ({error}); set KUBECONFIG") from None
    except MALFORMED as error:
        raise _invalid(_joined(contents), f"{type(error).__name__} of its content") from None


def _joined(paths: Iterable[Path]) -> str:
    return os.pathsep.join(map(str, paths))


def _shown(error: k8s_config.ConfigException) -> str:
    """Without the entries of the file that it quotes, which may hold credentials."""
    return re.sub(r"[\[{].*[\]}]", "...", str(error).removeprefix("Invalid kube-config file. "), flags=re.DOTALL)


def _content(path: Path) -> dict[str, Any] | None:
    """None where there is no such file. Errors show nothing of it, as it may hold credentials."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise TextgateError(
            f"the kubeconfig {path} cannot be read: {error.strerror}; set KUBECONFIG to a file that you may read"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _invalid(path, f"it is not YAML{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise _invalid(path, "it is not YAML") from None
    if not isinstance(found, dict):
        raise _invalid(path, "it is empty" if found is None else "it is not a mapping")
    return found


def _invalid(path: Path | str, why: str) -> TextgateError:
    return TextgateError(f"{path} is not a valid kubeconfig: {why}; correct it, or set KUBECONFIG to another")
