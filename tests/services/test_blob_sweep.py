from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from observability.ingest.records import ResourceRecord
from observability.models import Project
from observability.services import blob_sweep, purge
from observability.services.blob_sweep import sweep_blobs
from observability.services.blobs import GRACE, list_blobs, store_blob
from observability.services.purge import delete_trace, purge_trace
from observability.tasks import sweep_blobs as sweep_task
from tests.records import make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _value(letter: str) -> bytes:
    return b'"' + letter.encode() * (2**20 + 1) + b'"'


def _later() -> datetime:
    return timezone.now() + 2 * GRACE


def test_sweep__every_kind_of_row_that_names_a_blob__keeps_it(project: Project) -> None:
    resource = ResourceRecord(attributes=b'{"a": ' + _value("r") + b"}")
    write(
        project.pk,
        make_event("t", input=_value("i"), output=_value("o"), attributes=b'{"a": ' + _value("a") + b"}"),
        make_event("u", error_stack="s" * (2**20 + 1), extra=b'{"a": ' + _value("e") + b"}", resource=resource),
        make_log("t", "line", fields=b'{"a": ' + _value("f") + b"}"),
    )

    assert len(list(list_blobs(project.pk))) == 7
    assert sweep_blobs(project.pk, now=_later()) == 0


def test_sweep__trace_purged__its_blobs_go_and_shared_ones_stay(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "GRACE", timedelta(0))
    write(project.pk, make_event("gone", input=_value("x"), output=_value("shared")), make_log("gone", "a"))
    write(project.pk, make_event("kept", input=_value("shared")))
    delete_trace(project_id=project.pk, trace_id="gone")
    purge_trace(project_id=project.pk, trace_id="gone")

    assert sweep_blobs(project.pk, now=_later()) == 1
    assert len(list(list_blobs(project.pk))) == 1
    assert sweep_blobs(project.pk, now=_later()) == 0


def test_sweep__young_blob_without_a_row__stays_until_its_row_must_be_there(project: Project) -> None:
    store_blob(project.pk, _value("x"))

    sweep_task()

    assert len(list(list_blobs(project.pk))) == 1
    assert sweep_blobs(project.pk, now=_later()) == 1


def test_sweep__foreign_blobs__left_alone(project: Project, foreign_project: Project) -> None:
    store_blob(foreign_project.pk, _value("x"))

    assert sweep_blobs(project.pk, now=_later()) == 0
    assert len(list(list_blobs(foreign_project.pk))) == 1


def test_sweep__reads_the_rows_that_name_blobs_alone() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("EXPLAIN " + blob_sweep._NAMED, {"project": 1})
        plan = "\n".join(row[0] for row in cursor)

    assert "payloads_default_project_id_trace_id_idx" in plan
    assert "log_records_default_project_id_trace_id_idx" in plan
