"""Tests of the room `capture`, without clients."""
