"""The promises of README, each with a test that is called after it."""
