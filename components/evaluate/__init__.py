"""Scores the bundle, its float parent and the pinned champion on the same test rows."""
