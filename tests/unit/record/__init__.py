"""Unit tests of the session room."""
