"""Load on a server: see caller.py for what is measured, process.py for how; `python -m serving.load URL < BODIES`."""
