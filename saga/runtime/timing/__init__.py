"""Clocks, timers, wake-ups and a gate. Each replaces something of asyncio, where a measurement paid for the difference.

`CoarseTimers` instead of `loop.call_later` for each timeout: thousands of timeouts wait at a time and nearly all are discarded. One timer
serves all that are due within one tick, so that adding one is a dictionary entry, not an entry in the loop's heap.

`saga.runtime.handlers.time_limit.TimeLimit` instead of `asyncio.timeout`: 1 us instead of 16 for each call of a handler.

`Wakeup` instead of `asyncio.Event` or `Condition`: those wake all workers, and all but one find nothing to do.

`FairGate` instead of `asyncio.Semaphore` and a readers-writer lock: it admits many side by side or one alone, in order of arrival, and
entering a free gate (`try_enter`) is a plain call, not a coroutine.

`StoreClock` replaces nothing: it is the store's clock, as of the last heartbeat.

`docs/performance.md` has the benchmarks by which each of these may go again.
"""
