"""Find what is missing or damaged, here, in a commit or in a push; bring it back; resolve conflicts; compare states.

May know: Git, the store, transcripts. May not know: the command line, HTTP clients.
"""
