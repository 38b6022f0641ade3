"""Which children there are, and how each is started."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import psutil

from config.embedded.process import Server
from config.env import BASE_DIR
from config.supervisor.children import Plan
from config.supervisor.listening import is_answering
from config.supervisor.options import Options

# Two: one slow task does not hold up the heartbeat. Threads: a second process would cost 90 MB.
WORKER_THREADS = 2


def build_environment(options: Options, *, urls: dict[str, str]) -> dict[str, str]:
    """Return the environment of our own programs: what is set already wins."""
    ours = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PLAYHEAD_DATA": str(options.data),
        "PLAYHEAD_PUBLIC_URL": os.environ.get("PLAYHEAD_PUBLIC_URL") or options.address,
        "PLAYHEAD_ALLOWED_HOSTS": os.environ.get("PLAYHEAD_ALLOWED_HOSTS") or ",".join(_list_hosts(options.host)),
        # Whoever starts it by this command alone is trying it out.
        "PLAYHEAD_ENV": os.environ.get("PLAYHEAD_ENV") or "development",
        "PYTHONUNBUFFERED": "1",
        # Where all processes keep their figures, so that whichever is asked for /metrics can add them up.
        "PROMETHEUS_MULTIPROC_DIR": str(options.data / "metrics"),
        # glibc gives every thread an arena of its own, which keeps freed memory from the system.
        "MALLOC_ARENA_MAX": "2",
    }
    return {**os.environ, **ours, **urls}


def _list_hosts(host: str) -> list[str]:
    """Return the names this machine may be called by; only its own when it listens to others."""
    hosts = ["localhost", "127.0.0.1", "[::1]"]
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        addresses = [
            a.address for of_card in psutil.net_if_addrs().values() for a in of_card if a.family == socket.AF_INET
        ]
        hosts += [socket.gethostname(), socket.getfqdn(), *addresses]
    else:
        hosts.append(f"[{host}]" if ":" in host else host)
    return list(dict.fromkeys(hosts))


def plan_server(server: Server, *, lock: int) -> Plan:
    """Run Postgres or Valkey."""

    async def is_ready(pid: int) -> bool:
        return server.is_ready(pid)

    return Plan(
        name=server.name,
        command=server.command,
        environment=server.environment,
        folder=Path("/"),
        stop_signal=server.stop_signal,
        stop_seconds=4 if server.name == "postgres" else 2,
        death_signal=server.death_signal,
        descriptors=(lock,),
        is_ready=is_ready,
        before_start=server.clear_sockets,
    )


def plan_web(listening: socket.socket, *, number: int, environment: dict[str, str], lock: int) -> Plan:
    """Run a web server on a socket that is open already, and that all of them share.

    Whichever is idle takes the next connection, so long-lived ones spread by load.
    """
    return Plan(
        name="web" if number == 1 else f"web-{number}",
        command=[sys.executable, "-m", "config.serve", "--fd", str(listening.fileno())],
        environment=environment,
        folder=BASE_DIR,
        descriptors=(lock, listening.fileno()),
        is_ready=lambda _pid: is_answering(listening),
    )


def plan_worker(*, environment: dict[str, str], lock: int) -> Plan:
    """Run the Celery worker.

    One process, so SIGKILL as the death signal leaves nothing behind; tasks are acknowledged late and are run again.
    """
    options = ["--pool", "threads", "--concurrency", str(WORKER_THREADS), "--without-gossip", "--without-mingle"]
    return _plan_celery("worker", ["worker", "--loglevel", "info", *options], environment, lock)


def plan_beat(*, environment: dict[str, str], lock: int) -> Plan:
    """Run Celery beat; its schedule is in the database."""
    return _plan_celery("beat", ["beat", "--loglevel", "info", "--pidfile", ""], environment, lock)


def plan_demo(*, environment: dict[str, str], lock: int, key: str) -> Plan:
    """Run the demo agents against ourselves."""
    target = {"PLAYHEAD_URL": environment["PLAYHEAD_PUBLIC_URL"], "PLAYHEAD_API_KEY": key}
    return plan_command("demo", environment=environment | target, lock=lock)


def plan_command(name: str, *arguments: str, environment: dict[str, str], lock: int) -> Plan:
    """Run a management command."""
    return Plan(
        name=name,
        command=[sys.executable, str(BASE_DIR / "manage.py"), name, *arguments],
        environment=environment,
        folder=BASE_DIR,
        descriptors=(lock,),
    )


def _plan_celery(name: str, arguments: list[str], environment: dict[str, str], lock: int) -> Plan:
    return Plan(
        name=name,
        command=[sys.executable, "-m", "celery", "--app", "config", "--skip-checks", *arguments],
        environment=environment,
        folder=BASE_DIR,
        descriptors=(lock,),
    )
