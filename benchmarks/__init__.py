"""Timings and comparisons, each paired with a baseline in the same run; never run as tests."""
