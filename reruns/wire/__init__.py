"""What goes over the wire to SDKs and back (contract `sdk-rerun.md` B1.4 to B1.6, B6). Pure: no rows, nobody told."""
