"""What the cluster costs: compiling and submitting, lint, the local run's own time, images, bytes between steps."""

PARTS = ("compile", "lint", "submit", "overhead", "images", "transfer")
