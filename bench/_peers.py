"""Other products that take OTLP, each in an environment of its own, on the Postgres server of the product.

    pip install mlflow psycopg2-binary      mlflow server           POST /v1/traces with the number of an experiment
    pip install arize-phoenix[pg]           phoenix serve           POST /v1/traces

Both count one row of their table `spans` a span. Phoenix answers before it has stored anything.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench._guests import make_database, run_guest
from bench._load import Door
from bench._product import Product
from bench._rounds import Target


@dataclass(frozen=True)
class Peer:
    """How one is installed and started: `command` from its program, database and port, `environment` from database and
    two ports, the second for what else it serves.
    """

    name: str
    packages: Sequence[str]
    command: Callable[[Path, str, int], list[str]]
    environment: Callable[[str, int, int], Mapping[str, str]]
    headers: Mapping[str, str] = field(default_factory=dict)


PEERS = (
    Peer(
        name="mlflow",
        packages=("mlflow", "psycopg2-binary"),
        command=lambda program, database_url, port: [
            *(str(program), "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", database_url.replace("postgresql", "postgresql+psycopg2", 1)),
        ],
        environment=lambda *_: {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        headers={"x-mlflow-experiment-id": "0"},
    ),
    Peer(
        name="phoenix",
        packages=("arize-phoenix[pg]",),
        command=lambda program, *_: [str(program), "serve"],
        environment=lambda database_url, port, grpc_port: {
            "PHOENIX_SQL_DATABASE_URL": database_url,
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(grpc_port),
            "PHOENIX_WORKING_DIR": ".",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        },
    ),
)


@contextmanager
def run_peer(peer: Peer, host: Product, folder: Path, *, traces: int) -> Iterator[Target]:
    """Run a peer on an empty database of the product's Postgres server until the block ends; install it if need be."""
    program = install(peer, folder)
    database_url = make_database(host, f"bench_{peer.name}")
    port, other_port = _find_ports()
    with run_guest(
        host,
        [peer.command(program, database_url, port)],
        ready_url=f"http://127.0.0.1:{port}/",
        environment=peer.environment(database_url, port, other_port),
    ) as guest:
        yield Target(
            name=peer.name,
            door=Door(f"http://127.0.0.1:{port}/v1/traces", {"Content-Type": "application/x-protobuf", **peer.headers}),
            database_url=database_url,
            count="SELECT count(*) FROM spans",
            watched=guest,
            most_traces=traces,
        )


def install(peer: Peer, folder: Path) -> Path:
    """Make the peer's environment unless it is there; return its program."""
    environment = folder.absolute() / peer.name
    program = environment / "bin" / peer.name
    if not program.exists():
        print(f"installing {peer.name} into {environment}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *peer.packages], check=True)
    return program


def read_versions(folder: Path) -> dict[str, str]:
    """Return what is installed, by the peer's name."""
    ask = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    return {
        peer.name: subprocess.run(
            [str(folder / peer.name / "bin" / "python"), "-c", ask, peer.packages[0].partition("[")[0]],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for peer in PEERS
    }


def _find_ports() -> tuple[int, int]:
    """Return two free ports."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
