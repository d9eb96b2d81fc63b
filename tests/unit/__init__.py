"""One module at a time: no Git, no subprocess, no waiting."""
