"""Real files, real programs, real subprocesses."""
