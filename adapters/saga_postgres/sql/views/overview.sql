-- The views show the tables in words. A filter on the id of one saga reaches the primary keys, since nothing here groups over all sagas,
-- and a column that is not selected costs nothing. Sagas that have not ended are found through wake_at, the only other index of `saga`.

create or replace view overview as
select s.id,
       split_part(d.name, '~', 1) as definition,  -- an overwritten version is kept as name~id
       d.version,
       phase_word(s.phase)
           || case when s.rollback_requested then ', rollback requested' else '' end
           || case when s.paused and s.ended_at is null then ', paused' else '' end
           || case when has_quarantined(s.vector) and s.ended_at is null then ', stuck' else '' end as state,
       (select coalesce(array_agg(t.name order by t.step), '{}') from definition_step t
        where t.definition = s.definition and is_under_way(substr(s.vector, t.step + 1, 1))
          and not (t.mode = 'E' and t.after = '{}' and substr(s.vector, t.step + 1, 1) = 'D' and is_cancelling(d.document, t.step))
       ) as at_steps,
       coalesce(s.ended_at,
                (select max(e.at) from event e where e.saga = s.id and e.at >= s.started_at and e.version is not null),
                s.started_at) as since,
       s.deadline,
       s.reason,
       (select k.key from start_key k where k.saga = s.id limit 1) as key,
       has_quarantined(s.vector) and s.ended_at is null as is_stuck,
       s.started_at,
       s.ended_at,
       s.tags,
       (select array_agg(distinct a.name order by a.name) from command c cross join lateral unnest(c.awaits) as a(name)
        where c.saga = s.id and c.owner is null and c.due_at > statement_timestamp()) as awaits
from saga s left join definition d on d.id = s.definition;
comment on view overview is 'One row per saga, in words. For the newest first, order by id desc: ids begin with the time of the start.';
comment on column overview.at_steps is
    'The steps to which something is happening, or should be; without those that wait for an event that cancels the saga';
comment on column overview.since is 'When its state last changed';
comment on column overview.awaits is 'The names of the events that it waits for; null: none';
comment on column overview.is_stuck is 'A step is quarantined and waits for an operator: see the view stuck';
