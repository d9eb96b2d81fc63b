"""Unit tests of the room `transcript`."""
