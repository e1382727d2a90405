-- Statements of election.py.

-- name: begin_term
-- Begins the next term with this holder.
insert into leader as l (name, term, holder, seen_at) values ($1, 1, $2, clock_timestamp())
on conflict (name) do update set term = case when l.term < 9223372036854775807 then l.term + 1 else 1 end, holder = excluded.holder, seen_at = excluded.seen_at
returning term

-- name: renew
-- Renews a term. Not durable: a renewal need not outlive a crash of the server, and must not wait for a standby.
update leader set seen_at = clock_timestamp()
where name = $1 and term = $2 and (select set_config('synchronous_commit', 'off', true)) is not null
returning term
