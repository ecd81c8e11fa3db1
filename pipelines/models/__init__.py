"""The versions of a registered model, and which of them may go."""
