"""The serve part: the server over HTTP beside the bare model, other servers, and what may befall it."""

PARTS = ("clients", "latency", "peers", "throughput", "start", "swaps", "malformed", "overload", "soak")
