"""The pytest plugin, as people meet it: files in, a run of pytest, its outcome and the changed files out."""
