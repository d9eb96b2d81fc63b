"""Bytes and their structure, as pure functions: JSON text, changes, bodies, encodings, canonical form.

May know: the model. May not know: files, the store, HTTP clients.
"""
