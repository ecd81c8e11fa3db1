from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components.deploy.conftest import write_kubeconfig
from tests.pipelines.preflight.loopback_kubernetes import TOKEN, Cluster, kubernetes


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """An empty namespace of the Kubernetes that KUBECONFIG leads to."""
    state = Cluster()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with kubernetes(state) as url:
        write_kubeconfig(tmp_path / "kubeconfig", url, TOKEN)
        yield state
