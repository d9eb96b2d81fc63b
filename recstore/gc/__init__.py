"""Decide which recordings nothing needs any more, and remove them: plan, then execute.

May know: Git, the store. May not know: the command line, HTTP clients, other recorders' formats.
"""
