"""From streams to sessions: one reader per stream and process, a bounded queue per viewer, everything counted.

- `streams.py`: connections, and atomic looks at a stream. `pages.py`: what such a look means; pure.
- `reader.py` follows one stream and gives each line to every feed. `backfill.py` gives one feed what came before.
- `feed.py`: one viewer's queue and account. `pace.py`: how many lines a second it is sent. `notices.py`: what was
  dropped.
- `hub.py`: the readers and feeds of a process.
- `janitor.py`: trims what is older than may be kept.

A feed is told of a stream from an ordinal on, without gap: each entry is delivered, filtered or counted by cause.
"""
