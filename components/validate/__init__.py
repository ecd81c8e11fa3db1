"""Whether the data is fit to train on, and what is wrong with it where it is not."""

import os

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # Great Expectations reads it once, on import
