"""The data part: finding what is wrong, tokenizing, validating and fetching at size."""

PARTS = ("findings", "tokenization", "validation", "fetch")
