"""The pipeline's steps, one package each, and what they share in components.base."""
