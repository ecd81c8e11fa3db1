"""MLflow on PostgreSQL with SeaweedFS on one machine, without containers: for development and tests."""
