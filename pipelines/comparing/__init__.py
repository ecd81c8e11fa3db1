"""`textgate diff`: what two runs differ in, from their settings to single predictions."""
