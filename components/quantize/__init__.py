"""Makes the bundle that will be served: the chosen candidate, calibrated on validation."""
