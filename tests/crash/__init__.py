"""Every write step fails once, and every write step is the last one once: what is left must be a store."""
