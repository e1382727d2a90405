-- runs with builds from: 2
-- Sagas that are started at moments. Older builds do not know the tables; a leader of such a build starts nothing, and the next leader of a
-- newer one deals with the moments that have come meanwhile.
drop table schedule; -- of the first migration, which no build has used
create table schedule (
    name        text primary key,
    spec        json not null,
    since       timestamptz not null,
    is_paused   boolean not null default false,
    last_moment text,
    last_saga   uuid,
    next_at     timestamptz
);
create index schedule_due on schedule (next_at) where next_at is not null and not is_paused;
comment on table schedule is 'Which sagas are started at which moments';
comment on column schedule.since is 'Moments count from here while there is no last_moment';
comment on column schedule.last_moment is 'The last moment that was dealt with: a local time, [its zone], and #1 for the second of two equal local times';
comment on column schedule.last_saga is 'The saga that was started last';
comment on column schedule.next_at is 'When a leader looks at it next; null: it has no further moments';

create table schedule_run (
    id          bigint generated always as identity primary key,
    schedule    text not null references schedule (name) on delete cascade,
    at          timestamptz not null default now(),
    moment      text not null,
    cause       text not null,
    saga        uuid,
    last_moment text,
    count       integer not null default 1,
    why         text
);
create index schedule_run_newest on schedule_run (schedule, id);
comment on table schedule_run is 'The outcomes of the moments of schedules. The newest lines of each schedule are kept';
comment on column schedule_run.cause is 'moment: a leader; fill: a person who filled in what was missed; now: a person who started it at once';
comment on column schedule_run.saga is 'The saga that was started; null: none was';
comment on column schedule_run.count is 'How many moments in a row were missed, from moment to last_moment';
comment on column schedule_run.why is 'Why nothing was started';
