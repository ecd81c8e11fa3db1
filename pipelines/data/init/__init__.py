"""A config for a team's own files: what is in them, and the settings that fit."""
