"""`manage.py debug_emit`: an extension that prints, exactly as the runner publishes it."""

from __future__ import annotations

import itertools
import time
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from debugconsole.emulator import Script, write_lines
from debugconsole.wire.emit import build_xadd
from debugconsole.wire.lines import LEVELS, STREAMS
from observability.models import Organization

_BATCH = 500
_BEAT_SECONDS = 0.05


class Command(BaseCommand):
    """Publish lines at a rate until the count or the time is over, or Ctrl-C."""

    help = "Publish debug lines as an extension's runner would: for trying the console, and for loading it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say whose lines, how many, and what is odd about them."""
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--organization", help="slug of the organization whose tenant id the lines carry")
        whose.add_argument("--tenant", help="a tenant id, as it is")
        parser.add_argument("--extension", help="extension id; without it and a tenant: nobody's lines")
        parser.add_argument("--install", help="install id")
        parser.add_argument("--rate", type=float, default=5.0, help="lines a second; 0: as fast as they are taken")
        parser.add_argument("--count", type=int, help="end after so many lines")
        parser.add_argument("--seconds", type=float, help="end after so long")
        parser.add_argument("--levels", default="info,info,info,warn,error", help="chosen from at random")
        parser.add_argument("--streams", default="log", help="chosen from at random: stdout, stderr, log")
        parser.add_argument("--size", type=int, help="bytes of each message")
        parser.add_argument("--secrets", type=float, default=0.0, help="share of lines that hold a secret, 0 to 1")
        parser.add_argument("--bad-utf8", type=float, default=0.0, help="share of lines that are no UTF-8, 0 to 1")
        parser.add_argument("--clock-skew", type=int, default=0, help="milliseconds the runner's clock is ahead")
        parser.add_argument("--maxlen", type=int, default=settings.DEBUG_STREAM_MAXLEN)
        parser.add_argument("--seed", type=int, default=0, help="another seed says something else")

    def handle(self, **options: Any) -> None:
        """Publish, and say how much was taken."""
        script = _read_script(options)
        client = redis.Redis.from_url(settings.DEBUG_REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
        lines = itertools.islice(write_lines(script), options["count"])
        begun = time.monotonic()
        taken = refused = 0
        try:
            while batch := list(itertools.islice(lines, _count_due(options["rate"], begun, taken + refused))):
                pipe: Any
                with client.pipeline(transaction=False) as pipe:
                    for line in batch:
                        pipe.execute_command(
                            *build_xadd(line, prefix=settings.DEBUG_STREAM_PREFIX, maxlen=options["maxlen"])
                        )
                    answers = pipe.execute(raise_on_error=False)
                refused += (failed := sum(isinstance(answer, Exception) for answer in answers))
                taken += len(answers) - failed
                if options["seconds"] and time.monotonic() - begun > options["seconds"]:
                    break
        except redis.RedisError as error:
            raise CommandError(f"after {taken} lines: {error}") from error
        except KeyboardInterrupt:
            pass
        self.stdout.write(f"{taken} lines published, {refused} refused, in {time.monotonic() - begun:.1f} s")


def _count_due(rate: float, begun: float, sent: int) -> int:
    """Wait until lines are due by the rate, and return how many."""
    if rate <= 0:
        return _BATCH
    while (due := int((time.monotonic() - begun) * rate) + 1 - sent) < 1:
        time.sleep(min(_BEAT_SECONDS, 1 / rate))
    return min(due, _BATCH)


def _read_script(options: dict[str, Any]) -> Script:
    levels, streams = options["levels"].split(","), options["streams"].split(",")
    if not set(levels) <= set(LEVELS):
        raise CommandError(f"--levels: choose from {', '.join(LEVELS)}")
    if not set(streams) <= set(STREAMS):
        raise CommandError(f"--streams: choose from {', '.join(STREAMS)}")
    if options["size"] is not None and options["size"] < 0:
        raise CommandError("--size: give 0 or more")
    tenant = options["tenant"]
    if options["organization"]:
        found = Organization.objects.filter(slug=options["organization"], deleted_at=None).first()
        if found is None:
            raise CommandError(f"--organization: there is none with the slug {options['organization']!r}")
        tenant = str(found.tenant_id)
    return Script(
        tenant=tenant,
        extension=options["extension"],
        install=options["install"],
        levels=tuple(levels),
        streams=tuple(streams),
        size=options["size"],
        secrets=options["secrets"],
        bad_utf8=options["bad_utf8"],
        clock_skew_ms=options["clock_skew"],
        seed=options["seed"],
    )
