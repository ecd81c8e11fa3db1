"""What a run was made of: recorded with it, found again, and followed in both directions."""
