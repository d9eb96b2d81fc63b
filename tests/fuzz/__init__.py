"""Every decoder, given bytes that nobody meant it to have: it decodes them, or names the file and says what is wrong.

By default each gets as many as a property has examples; under the mark `slow`, a thousand. A release is preceded by a hundred thousand of each, which takes an hour:

    FUZZ_EXECUTIONS=100000 nice python -m pytest -q tests/fuzz -p no:randomly --timeout=0

Half of the inputs are arbitrary bytes and pieces of syntax, half are sound files in which a few places were changed.
"""
