"""Transcripts: one module at a time."""
