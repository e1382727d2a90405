-- Statements of journal/journal.py.

-- name: write
-- Writes a row unless there is one; returns whether it did.
insert into {journal} (saga, step, state, result, reason, at) values ($1, $2, $3, $4, $5, now())
on conflict (saga, step) do nothing
returning true
