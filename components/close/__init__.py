"""Ends the MLflow run, however the pipeline ended."""
