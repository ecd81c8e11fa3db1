"""Opens the MLflow run and pins what the run stands on."""
