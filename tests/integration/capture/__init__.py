"""Real HTTP clients, recorded and replayed."""
