"""Traces, their events, and the values of events.

These tables are made by SQL migrations, because Django cannot partition. Rules they keep, so that they also run on
Citus: the project is part of every key, nothing refers to them by a foreign key, no triggers.

Three widths of an event: `events` holds the narrow row that lists and timelines read, `payloads` its values as
compressed JSON bytes, and blob storage the values over 1 MiB. Only `ingest/writer.py` writes here.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models


class Trace(models.Model):
    """One run of a workflow or agent: the sum of its events, exact in the transaction that stored them.

    `version` counts the commits that touched the trace. `fold_state` is what `ingest/summaries.py` needs to go on
    folding in any order. `facets_hash` is Postgres's own: equal where all that facets count is, but users. A trace with
    `deleted_at` is hidden; with `purging_at` it is being purged and can no longer be restored; with `purged_at` its row
    is all that is left, so that what clients still send of it is refused.
    """

    pk = models.CompositePrimaryKey("project_id", "trace_id")
    project_id = models.BigIntegerField()
    trace_id = models.TextField()
    version = models.BigIntegerField()
    workflow_name = models.TextField()
    status = models.TextField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    duration_ms = models.FloatField(null=True)
    event_count = models.IntegerField()
    open_count = models.IntegerField()
    error_count = models.IntegerField()
    log_count = models.IntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    total_tokens = models.BigIntegerField()
    cost_micros = models.BigIntegerField(null=True)
    unpriced_count = models.IntegerField()
    model_names = ArrayField(models.TextField())
    session_id = models.TextField(null=True)
    user_id = models.TextField(null=True)
    environment = models.TextField(null=True)
    service_name = models.TextField(null=True)
    service_version = models.TextField(null=True)
    correlation_id = models.TextField(null=True)
    agent_name = models.TextField(null=True)
    tags = ArrayField(models.TextField())
    source = models.TextField()
    input_preview = models.TextField(null=True)
    output_preview = models.TextField(null=True)
    error_message = models.TextField(null=True)
    flags = models.IntegerField()
    facets_hash = models.BigIntegerField()
    fold_state = models.JSONField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    purging_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "traces"

    def __str__(self) -> str:
        return self.trace_id


class Event(models.Model):
    """One timed step of a trace, narrow: what lists, timelines and summaries need.

    `rank` orders the halves of one event (later end, larger content, hash); `field_ranks` names the rank of each
    value that came from another half than the winner. `version` is the trace's at the last change.
    """

    pk = models.CompositePrimaryKey("project_id", "trace_id", "started_at", "span_id")
    id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    trace_id = models.TextField()
    span_id = models.TextField()
    started_at = models.DateTimeField()
    version = models.BigIntegerField()
    parent_span_id = models.TextField(null=True)
    ended_at = models.DateTimeField(null=True)
    duration_ms = models.FloatField(null=True)
    kind = models.TextField()
    name = models.TextField()
    status = models.TextField()
    source = models.TextField()
    dialect = models.TextField(null=True)
    flags = models.IntegerField()
    error_type = models.TextField(null=True)
    error_message = models.TextField(null=True)
    error_fingerprint = models.TextField(null=True)
    model = models.TextField(null=True)
    provider = models.TextField(null=True)
    input_tokens = models.BigIntegerField(null=True)
    cached_input_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    audio_in_tokens = models.BigIntegerField(null=True)
    audio_out_tokens = models.BigIntegerField(null=True)
    total_tokens = models.BigIntegerField(null=True)
    cost_micros = models.BigIntegerField(null=True)
    workflow_name = models.TextField(null=True)
    session_id = models.TextField(null=True)
    user_id = models.TextField(null=True)
    environment = models.TextField(null=True)
    service_name = models.TextField(null=True)
    service_version = models.TextField(null=True)
    correlation_id = models.TextField(null=True)
    agent_name = models.TextField(null=True)
    tags = ArrayField(models.TextField(), null=True)
    prompt_hash = models.TextField(null=True)
    prompt_name = models.TextField(null=True)
    prompt_version = models.TextField(null=True)
    tool_name = models.TextField(null=True)
    input_preview = models.TextField(null=True)
    output_preview = models.TextField(null=True)
    input_bytes = models.BigIntegerField(null=True)
    output_bytes = models.BigIntegerField(null=True)
    resource_hash = models.BinaryField(null=True)
    sdk_event_id = models.BigIntegerField(null=True)
    rank = models.BinaryField()
    field_ranks = models.JSONField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "events"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Payload(models.Model):
    """An event's values: JSON text, zstd-compressed where that helps, or the address of a blob.

    `replay_copy` is the encrypted original of input and output where redaction changed them.
    """

    pk = models.CompositePrimaryKey("project_id", "trace_id", "started_at", "span_id")
    project_id = models.BigIntegerField()
    trace_id = models.TextField()
    span_id = models.TextField()
    started_at = models.DateTimeField()
    input = models.BinaryField(null=True)
    output = models.BinaryField(null=True)
    attributes = models.BinaryField(null=True)
    error_stack = models.BinaryField(null=True)
    extra = models.BinaryField(null=True)
    replay_input = models.BinaryField(null=True)
    replay_output = models.BinaryField(null=True)
    replay_extra = models.BinaryField(null=True)

    class Meta:
        managed = False
        db_table = "payloads"

    def __str__(self) -> str:
        return self.span_id


class Resource(models.Model):
    """Attributes shared by many events (OTLP resource and scope, SDK metadata), once per project and content."""

    pk = models.CompositePrimaryKey("project_id", "hash")
    project_id = models.BigIntegerField()
    hash = models.BinaryField()
    attributes = models.BinaryField()
    first_seen_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "resources"

    def __str__(self) -> str:
        return bytes(self.hash).hex()


class SearchDocument(models.Model):
    """The search terms that one commit added to a trace, in parts where they are very many (`ingest/terms.py`)."""

    pk = models.CompositePrimaryKey("project_id", "trace_id", "started_at", "version", "part")
    project_id = models.BigIntegerField()
    trace_id = models.TextField()
    started_at = models.DateTimeField()
    version = models.BigIntegerField()
    part = models.IntegerField()
    segment_id = models.BigIntegerField()
    terms = SearchVectorField()

    class Meta:
        managed = False
        db_table = "search_documents"

    def __str__(self) -> str:
        return self.trace_id


class SearchSegment(models.Model):
    """The search documents that one commit added to a project and day: hashes of all their terms, indexed."""

    pk = models.CompositePrimaryKey("project_id", "started_at", "segment_id")
    project_id = models.BigIntegerField()
    started_at = models.DateTimeField()
    """The latest start among its documents."""
    segment_id = models.BigIntegerField()
    terms = ArrayField(models.IntegerField())

    class Meta:
        managed = False
        db_table = "search_segments"

    def __str__(self) -> str:
        return str(self.segment_id)


class SdkSession(models.Model):
    """One SDK process, by the id it chose, bound to the project that first used it."""

    pk = models.CompositePrimaryKey("project_id", "session_id")
    project_id = models.BigIntegerField()
    session_id = models.TextField()
    metadata = models.JSONField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "sdk_sessions"
        indexes: ClassVar = []

    def __str__(self) -> str:
        return self.session_id
