"""The reproduce part: tiny runs of many settings made again as they were, on another number of threads, and with one
thing changed."""

PARTS = ("same_machine", "threads", "changes")
