"""Replay or record: the answer that a test's request gets, and the recording that a live answer becomes.

`session.Session` is the door. A surface makes one for each scope and activates it; whoever intercepts an HTTP client calls
`exchange = session.begin(request)`, makes the request itself unless `exchange.replayed` is the answer, notes in the
exchange what comes back, and ends with `session.complete(exchange)`.

May know: the store, the settings, the look-up rules. May not know: HTTP clients, pytest, Git, the environment.
"""
