"""How true a rerun was to its source: pure functions over the calls of both."""
