"""Intervals and tests: proportions in closed form, all else by resampling."""
