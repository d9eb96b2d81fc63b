"""The tests: what recstore promises, each sentence with a test behind it."""
