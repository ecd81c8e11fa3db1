"""Starts the very server on the registered bundle and questions it."""
