"""The tests whose recordings the demo imports. They are read, never run."""


def test_home() -> None:
    """Asks a streaming model where people live."""


def test_home_again() -> None:
    """Asks the very same thing, and got the very same answer."""


def test_distance() -> None:
    """Has the model call a tool, and hands it the result."""


def test_embedding() -> None:
    """Embeds one sentence."""
