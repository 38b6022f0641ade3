"""The demo: two small agents of a fictional shop, sending what real clients send.

- `model_server`: one local stand-in for what the agents call: an OpenAI-compatible model endpoint and the shop's API.
- `support_desk`: answers customers; recorded by the unmodified `elasticdash-sdk`, and runs again what it is asked to
  (`desk_reruns`).
- `otel_agent`: triages tickets and researches incidents; recorded by the OpenTelemetry SDK with GenAI attributes.
- `extension`: prints of the runs that were done, for the debug console; sent by `clients/python`.
- `runner`: starts the four as processes and keeps them going; `manage.py demo` is its command line.

Nothing here imports Django or the product: the agents know Playhead by its address and a key, as any customer's would.
Everything an agent says or meets is chosen from the seed; only ids, clocks and latencies differ between two runs.
"""
