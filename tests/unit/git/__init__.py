"""Decisions of the Git room that need no Git."""
