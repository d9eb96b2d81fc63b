"""The Git hooks: where they lie, what they say, putting them in and taking them out."""
