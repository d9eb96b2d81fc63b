"""The project's own rules, held by tests: layers, sizes, names, errors, guard rails."""
