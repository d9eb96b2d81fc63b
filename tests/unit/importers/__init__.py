"""Unit tests of the room `adapters`."""
