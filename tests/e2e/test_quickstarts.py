"""The quickstarts do what they promise: copied as they are, with a real key, each stores its first trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from observability.models import Project, Trace
from observability.pages.settings.quickstarts import list_guides
from observability.services.keys import NewKey


def find_part(site: str, key: str, guide: str, mark: str) -> str:
    """Return the first part of a guide that has the mark in it."""
    [found] = [one for one in list_guides(endpoint=site, key=key) if one.key == guide]
    return next(part.code for part in found.parts if mark in part.code)


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("guide", "mark", "name"),
    [("elasticdash", "import asyncio", "firstWorkflow"), ("opentelemetry", "OTLPSpanExporter", "first-workflow")],
)
def test_quickstart__python__stores_its_trace(
    guide: str, mark: str, name: str, site: str, api_key: NewKey, project: Project, store: None, tmp_path: Path
) -> None:
    program = tmp_path / "quickstart.py"
    program.write_text(find_part(site, api_key.text, guide, mark))

    run([sys.executable, str(program)], tmp_path)

    assert [trace.workflow_name for trace in Trace.objects.filter(project_id=project.pk)] == [name]


def test_quickstart__curl__stores_a_model_call(
    site: str, api_key: NewKey, project: Project, store: None, tmp_path: Path
) -> None:
    command = find_part(site, api_key.text, "curl", "curl")

    run(["bash", "-euo", "pipefail", "-c", command], tmp_path)

    trace = Trace.objects.get(project_id=project.pk)
    assert (trace.workflow_name, trace.event_count, trace.total_tokens) == ("firstWorkflow", 2, 16)


def test_quickstart__environment__is_what_exporters_read(
    site: str, api_key: NewKey, project: Project, store: None, tmp_path: Path
) -> None:
    exports = find_part(site, api_key.text, "opentelemetry", "export OTEL")
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
