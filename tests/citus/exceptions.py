"""Statements that break a rule for a reason: where they are issued, what they break, and why they may.

All of them run on Citus. Those without a time range read one project, so one shard of each partition there is.
"""

from __future__ import annotations

from observability.sql.store import PARTITIONED

_NO_RANGE = {
    "event_details._take": "an event by its number, of a time that nobody named; a block-range index",
    "jump._list_visible": "an id that somebody pasted, of any time",
    "errors._make_summaries": "when errors were seen first ever; one index, stopped at the first row",
    "errors.get_error": "when an error was seen first and last ever; one index, stopped at the first row",
    "prompts._find_newest": "the newest call of a prompt whenever it was; one index, stopped at the first row",
    "prompts.get_prompt_text": "the newest call of a prompt whenever it was; one index, stopped at the first row",
    "steps._read_newest": "a step's calls where recent days hold too few for a page; one index, stopped after it",
}
_SEARCHES = {
    "traces._find_rare": "a word that is in few traces is looked for in all of them, once, within a budget",
    "traces._keep_those_with": "traces of a page by their ids, whose documents carry their start",
    "traces._scan": "a word among a window's traces, within a budget",
    "trace_facets._count": "a word among a window's traces, within a budget",
}

_READS = "observability.selectors"
_DELETE = "observability.services.deletion._delete_batch"

EXCEPTIONS: dict[tuple[str, str], str] = {
    **{(f"{_READS}.{place}", "events: no time range"): why for place, why in _NO_RANGE.items()},
    **{
        (f"{_READS}.{place}", f"{table}: no time range"): why
        for place, why in _SEARCHES.items()
        for table in ("search_documents", "search_segments")
    },
    **{
        (f"{_READS}.operations.{place}", "ingest_counts: no project"): "an operator's sum over everybody"
        for place in ("_read_health", "_sum_items", "list_door_figures")
    },
    **{
        (
            _DELETE,
            f"{table}: no time range",
        ): "all of a project goes, of any day"
        for table in PARTITIONED
    },
    **{
        ("observability.services.blob_sweep._list_named", f"{table}: no time range"): "nearly empty partial indexes"
        for table in ("payloads", "log_records")
    },
    **{
        ("observability.services.partitions._run", f"{table}: no project"): "a day's rows leave the default partition"
        for table in PARTITIONED
    },
    ("observability.services.purge.list_unfinished_purges", "traces: no project"): "a sweep over everybody, read only",
}
