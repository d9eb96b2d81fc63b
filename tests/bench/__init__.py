"""Numbers, not gates: recstore beside what a user would use instead, on the same work in the same run."""
