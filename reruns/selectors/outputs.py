"""What one run answered, whole."""

from __future__ import annotations

from observability.errors import NotFoundError
from observability.selectors.values import WholeValue, open_value
from reruns.models import Run


def open_run_output(project_id: int, trigger_id: int, *, number: int, step: int = 0) -> WholeValue:
    """Return a run's output as JSON text, redacted. One query, and at most `RERUN_RESULT_BYTES` in memory.

    Raises `NotFoundError`, also for another project's run, and for one without an output, saying why it has none.
    """
    found = Run.objects.filter(trigger__project=project_id, trigger=trigger_id, step=step, number=number)
    run = found.only("output", "output_bytes", "answered_at").first()
    if run is None:
        raise NotFoundError("No such run.")
    if run.output is None:
        if run.output_bytes is not None:
            raise NotFoundError("The run has no output: the project does not capture outputs.")
        raise NotFoundError(f"The run has no output: {'it gave none' if run.answered_at else 'it has not answered'}.")
    return open_value(project_id, bytes(run.output))
