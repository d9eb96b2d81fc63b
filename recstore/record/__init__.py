"""Replay or record: what a test's request is answered with, and what of a live answer is kept.

`session.Session` is the door: surfaces make one for each scope, `active` says which one counts, and whoever
intercepts an HTTP client asks it, request by request, in the values of `wire`.

May know: the store, the settings, the look-up rules. May not know: HTTP clients, pytest, Git, the environment.
"""
