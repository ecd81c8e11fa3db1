"""The promotion part: processes that race for the same champion's place, and a registry of many versions."""

PARTS = ("race_in_folder", "race_on_s3", "many_versions")
