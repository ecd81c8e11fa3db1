"""A recorded run made again, and what came out held against it, stage by stage."""
