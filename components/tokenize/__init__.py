"""Texts become token ids, by the base model's own tokenizer."""
