"""A team's data: imported from its files, versioned by DVC, compared with what it was."""
