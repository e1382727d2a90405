"""The cost of growth: an old build of Saga beside this one, each measure alternately on both.

Nothing here decides what is measured: a row is a module of `bench.growth.rows`.
"""
