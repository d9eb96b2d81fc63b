"""A small project with recordings of its own, which `recstore demo` imports. Invented; nobody's data."""
