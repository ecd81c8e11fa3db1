"""Runs the compiled pipeline on this machine, each step in a process of its own."""
