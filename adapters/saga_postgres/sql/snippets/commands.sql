-- Parts that several statements share. The migrator replaces a line `-- include: name` of a function by the part. They are text rather than
-- functions because a call per row would cost more than the row.

-- name: command_counters
-- A command row that is written again keeps its counters for the same operation, unless it was parked.
deliveries = counted(excluded.deliveries + case when c.op = excluded.op and c.due_at <> 'infinity' then c.deliveries::integer else 0 end),
failures = case when c.op = excluded.op and c.due_at <> 'infinity' then c.failures else 0 end,
isolated_attempts = case when c.op = excluded.op and c.due_at <> 'infinity' then c.isolated_attempts else 0 end,
first_failed_at = case when c.op = excluded.op and c.due_at <> 'infinity' then c.first_failed_at end,
progress = case when c.op = excluded.op then c.progress end,
until = case when c.op = excluded.op then c.until end,
awaits = case when c.op = excluded.op then c.awaits end

-- name: command_upsert
-- A command replaces the row of another operation or of a queued command; a claim of the same operation stays, and so does its number:
-- a command without a number was never claimed (G135).
on conflict (saga, step) do update
set op = excluded.op, owner = excluded.owner, due_at = excluded.due_at, lease_until = excluded.lease_until, error = null,
    claim = case when c.op = excluded.op then coalesce(excluded.claim, c.claim) else excluded.claim end,
    -- include: command_counters
where c.op <> excluded.op or c.owner is null

-- name: commit_commands
-- The commands of a batch: each to the process that gets its claim, if that is alive, else into the queue of its service.
insert into command as c (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
select s_id[c_s[w.n]], c_step[w.n], c_op[w.n], c_service[w.n], o.owner, case when o.owner is not null then c_claim[w.n] end,
       now() + seconds(c_after[w.n]),
       case when o.owner is not null then clock_timestamp() + seconds(p_lease) end,
       case when o.owner is not null then 1 else 0 end
from generate_series(1, cardinality(c_s)) as w(n)
cross join lateral (select case when c_owner[w.n] = any (v_alive) then c_owner[w.n] end as owner) as o
where v_all_ok or v_ok[c_s[w.n]]

-- name: commit_results
-- The results of a batch.
insert into step (saga, step, finished_at, owner, attempts, result)
select s_id[r_s[w.n]], r_step[w.n], now(), p_process, r_attempts[w.n], r_result[w.n]
from generate_series(1, cardinality(r_s)) as w(n)
where v_all_ok or v_ok[r_s[w.n]]
