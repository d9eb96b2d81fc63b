"""What stands in for llama-stack's own storage of recordings: replace that one class, and a whole suite moves.

>>> api_recorder.ResponseStorage = recstore.importers.llama_stack.ResponseStorage  # doctest: +SKIP
"""

from recstore.importers.llama_stack.storage import ResponseStorage

__all__ = ["ResponseStorage"]
