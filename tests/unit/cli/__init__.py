"""Unit tests of the room `store`."""
