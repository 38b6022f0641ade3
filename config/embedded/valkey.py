"""One embedded Valkey: `<data>/valkey`, reachable over a private unix socket only."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import ClassVar

from config.embedded.folders import make_private, make_socket_folder
from config.embedded.programs import find_valkey


class Valkey:
    """What is needed to start, watch and stop Valkey; the process itself belongs to the caller."""

    name: ClassVar[str] = "valkey"
    stop_signal: ClassVar[int] = signal.SIGTERM
    # Its file is append-only and cut back to the last whole command at start, so a kill is a clean enough end.
    death_signal: ClassVar[int] = signal.SIGKILL

    def __init__(self, data: Path) -> None:
        data = data.resolve()
        self.program = find_valkey()
        self.folder = data / "valkey"
        self.socket = make_socket_folder(data) / "valkey.sock"

    @property
    def url(self) -> str:
        """Return the address; the settings derive from it the forms that each library takes."""
        return f"unix://{self.socket}?db=0"

    @property
    def command(self) -> list[str]:
        """Return the server's command line; it has no configuration file."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # A task or a stream entry is never evicted to make room.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [str(self.program.path), *(word for name, value in options.items() for word in (f"--{name}", value))]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment as it is: Valkey reads none of it."""
        return dict(os.environ)

    def prepare(self) -> None:
        """Make the folder. No server may run on it."""
        make_private(self.folder)
        self.clear_sockets()

    def clear_sockets(self) -> None:
        """Remove what a killed server left behind."""
        self.socket.unlink(missing_ok=True)

    def is_ready(self, _pid: int) -> bool:
        """Tell whether it answers a PING; while it reads its file it answers LOADING."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
