"""The pinned data and base model, every byte verified."""
