"""Other recorders' formats: llama-stack's recordings and vcrpy's cassettes, read and written exactly.

May know: the store and everything below it. May not know: Git, terminals, HTTP clients.
"""
