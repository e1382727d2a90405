"""The cost of looking: the API and its pages beside sagas that go on, measured in one run.

Nothing here decides what is measured: a row is a module of `bench.api.rows`.
"""
