"""Makes the bundle a version of the registered model."""
