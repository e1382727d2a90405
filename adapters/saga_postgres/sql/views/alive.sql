-- A suspended process keeps its advisory lock, and no process notices the death of the last one: the last heartbeat decides.

create or replace view alive as
select p.id, p.name, p.services, p.capacity, p.in_flight, p.started_at, p.seen_at
from participant p where p.seen_at > statement_timestamp() - interval '10 seconds';
comment on view alive is 'The processes whose last heartbeat is less than ten seconds old';
