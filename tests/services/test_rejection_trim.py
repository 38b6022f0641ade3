from __future__ import annotations

from datetime import UTC, datetime

import pytest

from observability.models import IngestRejection, Project
from observability.services.rejection_trim import trim_rejections

pytestmark = pytest.mark.usefixtures("store")


def _reject(project_id: int, count: int) -> list[int]:
    rows = [
        IngestRejection(
            id=number,
            project_id=project_id,
            door="otlp",
            code="invalid",
            reason="no name",
            item_index=0,
            received_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
        for number in range(1, count + 1)
    ]
    return [row.id for row in IngestRejection.objects.bulk_create(rows)]


def _kept(project_id: int) -> list[int]:
    return list(IngestRejection.objects.filter(project_id=project_id).order_by("id").values_list("id", flat=True))


def test_trim__more_than_are_kept__the_newest_of_each_project_stay(project: Project, foreign_project: Project) -> None:
    _reject(project.pk, 25)
    _reject(foreign_project.pk, 12)

    removed = trim_rejections(project.pk, kept=10, batch=4)

    assert removed == 15
    assert _kept(project.pk) == list(range(16, 26))
    assert len(_kept(foreign_project.pk)) == 12


@pytest.mark.parametrize("count", [0, 9, 10])
def test_trim__no_more_than_are_kept__all_stay(project: Project, count: int) -> None:
    _reject(project.pk, count)

    assert trim_rejections(project.pk, kept=10) == 0
    assert len(_kept(project.pk)) == count


def test_trim__again__nothing_to_do(project: Project) -> None:
    _reject(project.pk, 11)

    assert [trim_rejections(project.pk, kept=10), trim_rejections(project.pk, kept=10)] == [1, 0]
