"""Makes the champion the version that servers answer with."""
