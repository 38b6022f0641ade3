"""Benchmarks. `manage.py bench` lists them; figures and commands stand in `docs/performance.md`."""
