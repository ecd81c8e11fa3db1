"""The gate part: how often its decisions are right, whether its intervals hold, and what they cost."""

PARTS = ("decisions", "real_models", "slices", "clusters", "accuracy_coverage", "f1_coverage", "speed", "label_errors")
