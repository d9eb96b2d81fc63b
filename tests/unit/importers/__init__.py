"""Unit tests of the room `importers`."""
