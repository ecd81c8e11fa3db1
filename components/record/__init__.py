"""Fills the MLflow run with what the steps reported."""
