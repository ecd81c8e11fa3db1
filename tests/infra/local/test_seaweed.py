from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from infra.local import seaweed


def left_behind(folder: Path, port: int) -> Path:
    path = folder / f"seaweedfs-master-grpc-{port}.sock"
    path.touch()
    return path


@pytest.mark.parametrize("held_s", [0.0, 0.3, 60.0])
def test_sockets_go_once_their_ports_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_s: float) -> None:
    """A server's last thread holds a port for a moment; another program, for longer."""
    monkeypatch.setattr(seaweed, "SOCKETS", tmp_path)
    monkeypatch.setattr(seaweed, "ENDING_S", 1.0)
    guard, ports = seaweed.claim()
    port = ports[0] + seaweed.GRPC_OFFSET
    left, others = left_behind(tmp_path, port), left_behind(tmp_path, ports[-1] + 1)
    with guard, socket.create_server(("127.0.0.1", port)) as held:
        end = threading.Timer(held_s, held.close)
        end.start()
        seaweed.remove_sockets(ports)
        end.cancel()
    assert left.exists() == (held_s == 60) and others.exists()
