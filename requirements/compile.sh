#!/bin/sh
# Compile the hash-pinned locks from pyproject.toml. Needs uv. Run from anywhere: sh requirements/compile.sh [--upgrade]
# test.txt holds everything; the smaller two are constrained to its versions, so one venv can grow from one to the next.
# compiler.txt is on its own: it never goes into the venv.
set -eu
cd "$(dirname "$0")/.."
compile() {
  out=$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate \
    --custom-compile-command "sh requirements/compile.sh" --output-file "$out" "$@"
}
compile requirements/test.txt pyproject.toml --extra embedded --extra demo --extra test --extra lint "$@"
compile requirements/demo.txt pyproject.toml --extra embedded --extra demo --constraint requirements/test.txt
compile requirements/base.txt pyproject.toml --extra embedded --constraint requirements/test.txt
compile requirements/compiler.txt --group compiler "$@"
