"""Garbage collection, the trash and restoring, in real Git repositories."""
