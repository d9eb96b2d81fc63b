"""Watch mode: the store follows while a recorder writes its files."""
