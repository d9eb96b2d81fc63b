"""Every write step fails once, and every write step is the last one once: what is left must be a store.

The environment says how much is done:

    CRASH_ERRORS=all     every call of every operation fails in every way; otherwise each that changes something, in one way
    CRASH_KILLS=10000    so many processes are killed; otherwise 200
    CRASH_SEED=7         what is drawn, as a failure names it; otherwise another one each time
"""
