"""The quantize part: a bundle trained on banking77 beside other engines, what quantizing costs, and how it loads."""

PARTS = ("accuracy", "latency", "load", "text_to_label")
