"""What stands in for llama-stack's own storage of recordings: replace that one class, and a whole suite moves.

>>> api_recorder.ResponseStorage = recstore.adapters.llama_stack.ResponseStorage  # doctest: +SKIP
"""

from recstore.adapters.llama_stack_storage import ResponseStorage

__all__ = ["ResponseStorage"]
