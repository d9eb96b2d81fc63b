"""Unit tests of the check room."""
