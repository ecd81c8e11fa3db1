"""The graphs and what runs them: compile, local, cluster, and the command line."""
