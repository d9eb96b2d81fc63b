"""Several processes at one store: chosen interleavings, one by one, and all sorts of work at once.

By default eight processes work for five seconds; under the mark `slow`, for twenty. The environment asks for more:

    RACE_SECONDS=600     seconds, instead of twenty
    RACE_SEED=7          the seed, as a failure names it
"""
