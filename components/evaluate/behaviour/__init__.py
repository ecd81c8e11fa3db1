"""Behaviour tests in the manner of CheckList (Ribeiro et al. 2020): invariance, direction and minimum functionality."""
