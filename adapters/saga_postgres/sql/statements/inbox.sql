-- Statements of inbox.py.

-- name: first
-- For each saga of $1 and names of $2, as literals of arrays: the event that was sent first, of those that no step has consumed.
select w.n::integer, e.id, e.name, e.payload
from rows from (unnest($1::text::uuid[]), unnest($2::text::text[])) with ordinality as w(saga, names, n)
cross join lateral (
    select i.id, i.name, i.payload from inbox i
    where i.saga = w.saga and i.consumed_by is null and i.name = any (w.names::text[]) order by i.sequence limit 1
) as e

-- name: events
-- All events of saga $1, in the order in which they were sent.
select i.id, i.name, i.payload, extract(epoch from i.at)::float8, i.consumed_by::integer from inbox i
where i.saga = $1 order by i.sequence
