"""Files that a stranger sends in a pull request, checked out where recstore and its hooks are at work."""
