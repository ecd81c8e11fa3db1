"""The images of the cluster: built from this checkout by Docker or Podman, listed, and pushed."""
