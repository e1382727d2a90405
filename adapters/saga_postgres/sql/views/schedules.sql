-- The schedules as a person reads them.

create or replace view schedules as
select s.name, s.spec ->> 'definition' as definition,
       coalesce('cron ' || (s.spec -> 'when' ->> 'cron'), 'every ' || (s.spec -> 'when' ->> 'every'), 'at ' || (s.spec -> 'when' ->> 'at')) as "when",
       coalesce(s.spec -> 'when' ->> 'zone', 'UTC') as zone, s.is_paused, s.last_moment, s.last_saga,
       case when not s.is_paused then s.next_at end as next_at
from schedule s;
comment on view schedules is 'Which sagas are started at which moments';
comment on column schedules.next_at is 'When a leader looks at it next: at its next moment, or a day from the last look if that is sooner';
