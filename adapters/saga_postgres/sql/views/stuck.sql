-- The list of what operators have to do.

create or replace view stuck as
select s.id as saga, split_part(d.name, '~', 1) as definition, d.version, t.name as step, t.service,
       letter_word(substr(s.vector, t.step + 1, 1)) as state,
       coalesce(e.at, s.started_at) as since,
       e.detail as why
from saga s
join definition d on d.id = s.definition
join definition_step t on t.definition = s.definition and has_quarantined(substr(s.vector, t.step + 1, 1))
left join lateral (
    select e.at, e.detail from event e
    where e.saga = s.id and e.at >= s.started_at and e.step = t.step and e.kind = 'quarantined' order by e.at desc limit 1
) as e on true
where s.wake_at is not null;
comment on view stuck is 'What needs an operator: each quarantined step, since when, and why. Then: saga retry, saga resolve';
