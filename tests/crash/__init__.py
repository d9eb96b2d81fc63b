"""Every write step fails once, and every write step is the last one once: what is left must be a store.

By default some steps of each operation are tried, drawn differently in each run; under the mark `slow`, all of them.
The environment asks for more:

    CRASH_ERRORS=all     every call of every operation fails in every way, not only those that change something, in one way
    CRASH_KILLS=10000    the number of processes that are killed, instead of 200
    CRASH_SEED=7         the seed, as a failure names it
"""
