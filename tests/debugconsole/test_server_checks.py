"""What `check --deploy` and `check --tag debug_console` find on servers that are not as they should be."""

from __future__ import annotations

import datetime
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import override_settings

from debugconsole import server_checks
from debugconsole.models import DebugPolicy
from debugconsole.services.policies import create_policy

pytestmark = pytest.mark.django_db
GOOD = {"redis_version": "7.2.4", "maxmemory_policy": "noeviction"}
PRODUCTION = {"IS_PRODUCTION": True, "ENVIRONMENT": "production", "DEBUG_CONSOLE_ENABLED": True}


class _Answers(socketserver.StreamRequestHandler):
    """A server that says what it is, and lets nobody do more than they need."""

    def handle(self) -> None:
        while (head := self.rfile.readline()).startswith(b"*"):
            words = []
            for _ in range(int(head[1:])):
                self.rfile.readline()
                words.append(self.rfile.readline().strip().upper())
            self.wfile.write(self._answer(words[0]))

    def _answer(self, command: bytes) -> bytes:
        if command == b"INFO":
            info: dict[str, str] = self.server.info  # type: ignore[attr-defined]
            if not info:
                return b"-NOAUTH Authentication required.\r\n"
            text = "".join(f"{name}:{value}\r\n" for name, value in info.items()).encode()
            return b"$%d\r\n%s\r\n" % (len(text), text)
        return b"-NOPERM no\r\n" if command in (b"XADD", b"DEL", b"GET") else b"+OK\r\n"


@contextmanager
def run_server(info: dict[str, str], *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run one; yield its address without the scheme."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """A client that speaks otherwise is what is tested."""

    with Server(("127.0.0.1", 0), _Answers) as server:
        server.info = info  # type: ignore[attr-defined]
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2099))
    path = tmp_path / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def find(**changed: Any) -> list[str]:
    """Return the ids of what is found."""
    with override_settings(**changed):
        found = run_checks(tags=["debug_console"], include_deployment_checks=True)
    return [str(message.id) for message in found]


def find_of(info: dict[str, str], **changed: Any) -> list[str]:
    with run_server({**GOOD, **info}) as address:
        return find(DEBUG_REDIS_URL=f"redis://{address}", **changed)


def test_server__as_it_should_be__finds_nothing() -> None:
    assert find_of({}) == []
    assert find_of({"valkey_version": "8.1.0"}) == []


@pytest.mark.parametrize("version", ["6.2.14", "5.0.9"])
def test_server__too_old__is_refused(version: str) -> None:
    assert find_of({"redis_version": version}) == ["playhead.E032"]


def test_server__evicting_and_shared__is_refused() -> None:
    with run_server({**GOOD, "maxmemory_policy": "allkeys-lru"}) as address:
        url = f"redis://{address}"
        shared = find(DEBUG_REDIS_URL=url, REDIS_URL=url.replace("/0", "/5").replace("127.0.0.1", "localhost"))
        alone = find(DEBUG_REDIS_URL=url)

    assert shared == ["playhead.E033"]
    assert alone == ["playhead.W033"]


def test_server__user_may_write_anything__is_refused_in_production() -> None:
    create_policy(created_by=None, scope="environment", environment="production", effect="allow", reason="Test.")

    assert find() == ["playhead.W038"]
    assert find(**PRODUCTION) == ["playhead.E034"]


def test_server__asks_for_a_password__is_refused() -> None:
    with run_server({}) as address:
        assert find(DEBUG_REDIS_URL=f"redis://{address}") == ["playhead.E036"]


def test_server__with_tls_and_address_without__is_refused(certificate: ssl.SSLContext) -> None:
    with run_server(GOOD, tls=certificate) as address:
        assert find(DEBUG_REDIS_URL=f"redis://{address}") == ["playhead.E035"]


def test_server__without_tls_and_address_with__is_refused() -> None:
    with run_server(GOOD) as address:
        assert find(DEBUG_REDIS_URL=f"rediss://{address}") == ["playhead.E035"]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nonexistent/valkey.sock"])
def test_server__away__is_a_warning(url: str) -> None:
    assert find(DEBUG_REDIS_URL=url) == ["playhead.W031"]


def test_server__accepts_and_says_nothing__is_a_warning_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_checks, "TIMEOUT_SECONDS", 0.2)

    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        assert find(DEBUG_REDIS_URL=f"redis://127.0.0.1:{server.server_address[1]}/0") == ["playhead.W031"]


def test_rules__none_in_production__is_a_warning() -> None:
    assert find_of({}, **PRODUCTION) == ["playhead.W035"]

    create_policy(
        created_by=None,
        scope=DebugPolicy.Scope.ENVIRONMENT,
        environment="production",
        effect=DebugPolicy.Effect.APPROVAL,
        reason="Test.",
    )
    assert find_of({}, **PRODUCTION) == []


def test_prefix__without_its_separator__is_a_warning() -> None:
    assert find_of({}, DEBUG_STREAM_PREFIX="ext:debug") == ["playhead.W030"]


def test_checks__of_every_command__ask_no_server() -> None:
    with override_settings(DEBUG_REDIS_URL="redis://127.0.0.1:1/0"):
        assert "playhead.W031" not in [message.id for message in run_checks()]


def test_check__with_the_tag__asks_the_server() -> None:
    said = StringIO()

    with override_settings(DEBUG_REDIS_URL="redis://127.0.0.1:1/0"):
        call_command("check", tags=["debug_console"], stderr=said)

    assert "playhead.W031" in said.getvalue()
