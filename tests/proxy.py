"""A TCP proxy that stands before a server and breaks connections on purpose."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType

CHUNK = 1 << 16


class Proxy:
    """Forwards what comes to `server`. After `after` bytes of answers a connection is cut, until `cuts` of them were;
    with `hold` it is not cut then, but waits for `go_on`. `held` tells that the first one is there.

    `sent` is what clients sent, of all connections.
    """

    def __init__(self, server: tuple[str, int], after: int = 0, cuts: int = 0, hold: bool = False) -> None:
        self.server, self.after, self.hold = server, after, hold
        self.held, self.go_on = Event(), Event()
        self.sent = bytearray()
        self._cuts, self._lock = cuts, Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def break_off(self) -> None:
        """Cuts the connections that are held."""
        self.hold = False
        self.go_on.set()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.go_on.set()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.socket()
            # Small, so that what a server sent and what has passed do not differ by much.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
            try:
                server.connect(self.server)
            except OSError:
                client.close()
                server.close()
                continue
            Thread(target=self._requests, args=(client, server), daemon=True).start()
            Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                self.sent += data
                server.sendall(data)
        _end(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with server, client:
            with suppress(OSError):
                while data := server.recv(CHUNK):
                    client.sendall(data)
                    passed += len(data)
                    if passed >= self.after and self._takes_a_cut():
                        self.held.set()
                        if self.hold:
                            self.go_on.wait()
                        if not self.hold:
                            break
            _end(client)
            _end(server)

    def _takes_a_cut(self) -> bool:
        with self._lock:
            taken = self._cuts > 0
            self._cuts -= taken
            return taken


def _end(connection: socket.socket) -> None:
    """Closing alone would wait for the thread that reads from it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
