"""vcrpy's cassettes: reading and writing them exactly, and standing in for vcrpy's own storage."""
