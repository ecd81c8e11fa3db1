"""Decides whether the bundle may be registered, and says why."""
