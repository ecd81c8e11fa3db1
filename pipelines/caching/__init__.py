"""Why a step of a run was taken from a cache, or ran."""
