"""The quickstarts do what they promise: copied off the page, with a real key, each stores its first trace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from observability.models import Event, Project, Trace, User
from observability.services.keys import NewKey
from tests.e2e.conftest import SignIn
from tests.model_server import run_model_server

FindPart = Callable[[str, str], str]


@pytest.fixture
def find_part(visit: SignIn, owner: User, base: str, api_key: NewKey) -> FindPart:
    """Copy the first text of a guide that has a mark in it, off the page, and put the key's secret in, as it asks."""

    def copy(guide: str, mark: str) -> str:
        page = visit(owner).page
        page.goto(f"{base}/settings/quickstart/")
        page.locator(f"input[value={guide}]").check()
        shown = page.locator(f"[data-for={guide}] .code code").filter(has_text=mark, visible=True).first
        return str(shown.text_content()).replace(f"{api_key.key.public_id}.SECRET", api_key.text)

    return copy


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """The address of a stand-in for the models."""
    with run_model_server() as url:
        yield url


def run(command: list[str], folder: Path, **variables: str) -> str:
    given = os.environ | variables
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("guide", "mark", "name"),
    [("elasticdash", "import asyncio", "firstWorkflow"), ("opentelemetry", "OTLPSpanExporter", "first-workflow")],
)
def test_quickstart__python__stores_its_trace(
    guide: str, mark: str, name: str, find_part: FindPart, project: Project, tmp_path: Path
) -> None:
    program = tmp_path / "quickstart.py"
    program.write_text(find_part(guide, mark))

    run([sys.executable, str(program)], tmp_path)

    assert [trace.workflow_name for trace in Trace.objects.filter(project_id=project.pk)] == [name]


@pytest.mark.parametrize("library", ["openinference", "opentelemetry"])
def test_quickstart__instrumented_model_client__stores_its_call(
    library: str, model_url: str, find_part: FindPart, project: Project, tmp_path: Path
) -> None:
    program = tmp_path / "quickstart.py"
    program.write_text(find_part("openinference", f"from {library}.instrumentation.openai"))

    said = run([sys.executable, str(program)], tmp_path, OPENAI_BASE_URL=f"{model_url}/v1", OPENAI_API_KEY="sk-local")

    assert said.strip()
    call = Event.objects.get(project_id=project.pk)
    assert (call.kind, call.model, call.input_preview) == ("ai", "gpt-4o-mini", "Where is my order?")
    assert call.total_tokens


def test_quickstart__curl__stores_a_model_call(find_part: FindPart, project: Project, tmp_path: Path) -> None:
    command = find_part("curl", "curl")

    run(["bash", "-euo", "pipefail", "-c", command], tmp_path)

    trace = Trace.objects.get(project_id=project.pk)
    assert (trace.workflow_name, trace.event_count, trace.total_tokens) == ("firstWorkflow", 2, 16)


def test_quickstart__environment__is_what_exporters_read(find_part: FindPart, project: Project, tmp_path: Path) -> None:
    exports = find_part("opentelemetry", "export OTEL")
    program = (
        "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as E\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "p = TracerProvider(); p.add_span_processor(SimpleSpanProcessor(E()))\n"
        "p.get_tracer('t').start_span('by-environment').end(); p.shutdown()\n"
    )

    (tmp_path / "send.py").write_text(program)
    run(["bash", "-euc", f"{exports}\n{sys.executable} send.py"], tmp_path)

    assert [trace.workflow_name for trace in Trace.objects.filter(project_id=project.pk)] == ["by-environment"]
