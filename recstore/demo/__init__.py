"""A small project with recordings of its own, which `recstore demo` works on, and the server that it asks. All invented."""
