"""Several processes at one store: chosen interleavings, one by one, and all sorts of work at once.

The environment says how much is done:

    RACE_SECONDS=600     so long eight processes work at once; otherwise 10
    RACE_SEED=7          what is drawn, as a failure names it; otherwise another one each time
"""
