-- Statements of reading/fleet.py.

-- name: processes
-- The live processes.
select a.id, a.name, a.services, a.capacity, a.in_flight, extract(epoch from a.seen_at)::float8 as seen_at from alive a order by a.name, a.id

-- name: leader
-- The supervisor, and when it was last seen leading; $1: after this many seconds it counts as gone.
select l.holder, l.term, extract(epoch from l.seen_at)::float8 as seen_at,
       l.holder is not null and l.seen_at > clock_timestamp() - make_interval(secs => $1) as is_alive
from leader l where l.name = 'supervisor'

-- name: now
-- The store's clock.
select extract(epoch from clock_timestamp())::float8
