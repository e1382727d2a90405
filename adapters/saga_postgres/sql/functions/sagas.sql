-- Reading many sagas at once: for waiters, and for redriving.

create or replace function statuses(p_saga uuid[]) returns table (
    saga uuid, definition integer, phase "char", reason text, input bytea, steps smallint[], results bytea[]
)
language plpgsql stable set search_path from current
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Input and results only for completed sagas: from them the caller computes the value that the saga returns. A step that was undone while
-- the saga went on keeps its result, and nobody reads it.
begin
    return query
    select s.id, s.definition, s.phase, s.reason, case when s.phase = 'D' then s.input end, found.steps, found.results
    from unnest(p_saga) as asked(id)
    join saga s on s.id = asked.id
    left join lateral (
        select array_agg(r.step) as steps, array_agg(r.result) as results from step r
        where r.saga = s.id and r.result is not null and substr(s.vector, r.step + 1, 1) in ('S', 'H')  -- succeeded, handled
    ) as found on s.phase = 'D';
end $$;
comment on function statuses is 'The status of sagas, for callers that wait for their ends';

create or replace function overdue_after(p_limit integer, p_services text[], p_wake_at float8, p_saga uuid) returns table (
    wake_at float8, saga uuid, version integer, definition integer, phase "char", vector text, rollback_requested boolean, paused boolean,
    deadline float8, reason text, waiter integer, held smallint[], claimed smallint[], unquiet smallint[], now float8, trace text
)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Also returns the steps that have a command row (held), a claim (claimed) or a quiet time that has not passed (unquiet).
-- p_services: only sagas whose definition has a step of one of these; null: all. p_wake_at and p_saga: the last one that the caller has seen;
-- the index is read from there, and not what is before it and may be dead: an open transaction keeps that for hours.
begin
    return query
    select extract(epoch from s.wake_at)::float8, s.id, s.version, s.definition, s.phase, s.vector, s.rollback_requested, s.paused, extract(epoch from s.deadline)::float8,
           s.reason, s.waiter, coalesce(c.held, '{}'), coalesce(c.claimed, '{}'), coalesce(c.unquiet, '{}'),
           extract(epoch from clock_timestamp())::float8, s.trace
    from saga s
    left join lateral (
        select array_agg(c.step) as held, array_agg(c.step) filter (where c.owner is not null) as claimed,
               array_agg(c.step) filter (where c.quiet_at > now()) as unquiet
        from command c where c.saga = s.id
    ) as c on true
    where s.wake_at <= statement_timestamp() and s.wake_at >= moment(p_wake_at) and (s.wake_at, s.id) > (moment(p_wake_at), p_saga)
      and (p_services is null or exists (select from definition d where d.id = s.definition and d.services && p_services))
    order by s.wake_at, s.id limit p_limit;
end $$;
comment on function overdue_after is 'Sagas that are to be redriven, the most overdue first: their wake_at has passed';

create or replace function overdue(p_limit integer, p_services text[]) returns table (
    saga uuid, version integer, definition integer, phase "char", vector text, rollback_requested boolean, paused boolean,
    deadline float8, reason text, waiter integer, held smallint[], claimed smallint[], unquiet smallint[], now float8, trace text
)
language sql volatile set search_path from current as $$
    select o.saga, o.version, o.definition, o.phase, o.vector, o.rollback_requested, o.paused, o.deadline, o.reason, o.waiter, o.held,
           o.claimed, o.unquiet, o.now, o.trace
    from overdue_after(p_limit, p_services, 0, '00000000-0000-0000-0000-000000000000') as o
$$;
comment on function overdue is 'The same from the beginning, for processes of earlier builds';
