"""Makes a version the champion."""
