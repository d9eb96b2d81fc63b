"""The pytest plugin's parts: which tests ask for recordings, whose session answers, what a run has shown.

`recstore.pytest_plugin` is what pytest loads; it imports this room when a project has a store or a test asks.

May know: pytest, the sessions, the capture of HTTP clients, the store, the settings, the environment. May not
know: HTTP clients, Git, the command line.
"""
