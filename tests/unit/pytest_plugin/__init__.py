"""The pytest plugin's pure parts."""
