"""The documentation is run and compared: examples work, tables are what the program says."""
