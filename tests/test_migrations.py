"""Migrations that turn what is stored into something else."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from observability.models import Project, SearchDocument, SearchSegment
from observability.query import parse_query
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import list_traces
from tests.records import make_event, write


@pytest.mark.usefixtures("store")
def test_search_segments__documents_from_before__are_found_as_ever(project: Project, foreign_project: Project) -> None:
    records = [make_event(f"t-{number}", input=f'"order number{number}"'.encode()) for number in range(60)]
    write(project.pk, *records)
    SearchSegment.objects.all().delete()
    SearchDocument.objects.update(segment_id=0)

    with connection.schema_editor() as editor:
        import_module("observability.migrations.0014_search_segments").make_segments(None, editor)

    filters = TraceFilters(query=parse_query("number17"))
    assert [trace.trace_id for trace in list_traces(project.pk, filters=filters).items] == ["t-17"]
    assert list_traces(foreign_project.pk, filters=filters).items == []
    assert SearchSegment.objects.count() == 2
