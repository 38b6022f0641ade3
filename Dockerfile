# One image: web, worker, beat and the one-shot prepare differ in their command alone.
FROM python:3.11-slim

RUN groupadd --gid 10001 playhead \
 && useradd --uid 10001 --gid playhead --home-dir /app --no-create-home --shell /usr/sbin/nologin playhead \
 && install -d -o playhead -g playhead -m 0700 /data

WORKDIR /app
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PLAYHEAD_DATA=/data \
    MALLOC_ARENA_MAX=2

# The set-up of every other machine, in a layer that only a changed lock makes anew.
COPY manage.py ./
COPY requirements ./requirements
RUN python3 manage.py setup base

# What ingest has in C, with a compiler that is fetched for it and leaves no trace in the layer.
COPY observability/ingest/native/build.py observability/ingest/native/*.[ch] ./observability/ingest/native/
RUN python3 manage.py setup base

COPY . .
RUN .venv/bin/python -m compileall -q config debugconsole demo observability reruns

ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER playhead
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "config.serve", "--host", "0.0.0.0"]
