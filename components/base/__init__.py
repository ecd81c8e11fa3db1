"""What the steps share. Nothing here imports a step."""
