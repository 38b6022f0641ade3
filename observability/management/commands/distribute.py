"""Spread the store over a Citus cluster, or say what that would take."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from observability.errors import ObservabilityError
from observability.services.distribution import SHARDS, Cluster, distribute, plan_distribution, read_cluster

_WITHOUT = """\
This Postgres ({server_version}) has no Citus, so nothing was done.

Citus spreads the store over several machines by project. It is worth its trouble when one large Postgres no longer
carries what comes in (docs/scaling.md says how to tell). To get there:
  1. Run Postgres 17 or 18 with Citus 14 on every node (docs.citusdata.com; packages from the vendor, or the image
     citusdata/citus). It must stand in shared_preload_libraries.
  2. On each node, in this database: CREATE EXTENSION citus.
  3. On the coordinator: SELECT citus_set_coordinator_host('<its name>'), and SELECT citus_add_node('<name>', 5432) for
     each worker.
  4. Point DATABASE_URL at the coordinator and run this command again.

It would then run:
"""
_CREATE = "Citus is installed on this server but not in this database: CREATE EXTENSION citus, then run this again.\n\n"
_AFTERWARDS = """\
Citus keeps the rows that were copied as a hidden local copy. When reads look right:
  SELECT truncate_local_data_after_distributing_table('<table>');"""


class Command(BaseCommand):
    """`manage.py distribute [--shards N] [--dry-run]`: idempotent; without Citus it only explains itself."""

    help = "Distribute the store's tables by project over a Citus cluster; without Citus, say what that takes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the number of shards and `--dry-run`."""
        parser.add_argument("--shards", type=int, default=SHARDS, help=f"for a first run (default {SHARDS})")
        parser.add_argument("--dry-run", action="store_true", help="print the SQL and run none")

    def handle(self, *, shards: int, dry_run: bool, **options: Any) -> None:
        """Explain, plan, or do."""
        cluster = read_cluster()
        try:
            plan = plan_distribution(shards=shards, distributed=cluster.distributed)
        except ObservabilityError as error:
            raise CommandError(str(error)) from error
        if cluster.version is None:
            self._explain(cluster, plan)
        elif dry_run:
            self._write_sql(plan)
        else:
            self._distribute(cluster, shards)

    def _explain(self, cluster: Cluster, plan: list[str]) -> None:
        missing = _WITHOUT.format(server_version=cluster.server_version)
        self.stdout.write(_CREATE + "It would then run:\n" if cluster.is_available else missing)
        self._write_sql(plan)

    def _write_sql(self, plan: list[str]) -> None:
        self.stdout.write("\n".join(f"{statement};" for statement in plan) or "Every table is distributed already.")

    def _distribute(self, cluster: Cluster, shards: int) -> None:
        nodes = ", ".join(cluster.nodes) or "no worker yet: everything lies on the coordinator"
        self.stdout.write(f"Citus {cluster.version} on Postgres {cluster.server_version}; {nodes}")
        done = 0
        for statement in distribute(shards=shards):
            self.stdout.write(f"{statement};")
            done += 1
        self.stdout.write(_AFTERWARDS if done else "Every table is distributed already.")
