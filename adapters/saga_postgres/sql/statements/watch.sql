-- Statements of reading/watch.py.

-- name: marks
-- Numbers that change whenever something about a saga does that people see.
select s.id, s.version, c.activity, c.claims
from unnest($1::uuid[]) as w(id)
join saga s on s.id = w.id
cross join lateral (
    select coalesce(sum(c.deliveries + c.failures), 0)::bigint as activity, count(c.owner) as claims from command c where c.saga = s.id
) as c

-- name: moments
-- Sagas without payloads, each with the lines of its history that are newer than its version in $2, or than its time in $3.
select s.id, s.definition, s.phase, s.vector, s.rollback_requested, s.paused, s.reason, s.tags::text as tags,
       extract(epoch from s.deadline)::float8 as deadline, extract(epoch from s.wake_at)::float8 as wake_at,
       extract(epoch from s.started_at)::float8 as started_at, extract(epoch from s.ended_at)::float8 as ended_at,
       extract(epoch from clock_timestamp())::float8 as now,
       (select k.key from start_key k where k.saga = s.id limit 1) as key,
       (select l.holder from leader l where l.name = 'supervisor' and l.seen_at > clock_timestamp() - make_interval(secs => $4)) as leader,
       (select jsonb_object_agg(a.service, a.names) from (
           select v.service, jsonb_agg(a.name order by a.name) as names from alive a, unnest(a.services) as v(service) group by v.service
       ) as a) as serving,
       (select jsonb_agg(jsonb_build_object(
            'step', c.step, 'op', c.op, 'deliveries', c.deliveries, 'failures', c.failures, 'error', c.error,
            'was_claimed', c.claim is not null, 'owner', coalesce(p.name, 'process ' || c.owner),
            'due_at', extract(epoch from nullif(c.due_at, 'infinity'))::float8,
            'lease_until', extract(epoch from c.lease_until)::float8, 'quiet_at', extract(epoch from c.quiet_at)::float8,
            'first_failed_at', extract(epoch from c.first_failed_at)::float8,
            'until', extract(epoch from c.until)::float8, 'awaits', to_jsonb(c.awaits)
        )) from command c left join participant p on p.id = c.owner where c.saga = s.id) as commands,
       (select jsonb_agg(jsonb_build_array(
            r.step, extract(epoch from r.finished_at)::float8, coalesce(p.name, 'process ' || r.owner), r.attempts
        )) from step r left join participant p on p.id = r.owner where r.saga = s.id) as records,
       (select jsonb_agg(jsonb_build_array(
            extract(epoch from e.at)::float8, e.kind, e.step, e.detail, e.vector,
            coalesce(p.name, 'process ' || e.process), e.version, e.n
        ) order by e.at, e.version nulls last, e.n)
        from event e left join participant p on p.id = e.process
        where e.saga = s.id and e.at >= s.started_at - interval '1 minute'
          and (e.version > w.version or e.at >= to_timestamp(w.since))) as history
from unnest($1::uuid[], $2::integer[], $3::float8[]) as w(id, version, since)
join saga s on s.id = w.id
