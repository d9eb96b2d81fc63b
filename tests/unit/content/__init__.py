"""Unit tests of the content room."""
