-- Sums that cannot fail, whatever is in a row or a setting: one row out of range would fail a statement about the rows of a whole service.
-- Plain SQL without settings: PostgreSQL inlines these functions where they are called.

create or replace function seconds(p_seconds float8) returns interval language sql immutable parallel safe as $$
    select make_interval(secs => case when p_seconds between -1e10 and 1e10 then p_seconds
                                      when p_seconds < -1e10 then -1e10
                                      when p_seconds is not null then 1e10 end)
$$;
comment on function seconds is 'A number of seconds as an interval: at most 300 years, which can be added to any date of ours; null stays null';

create or replace function moment(p_epoch float8) returns timestamptz language sql immutable parallel safe as $$
    select to_timestamp(case when p_epoch between -1e10 and 1e11 then p_epoch
                             when p_epoch < -1e10 then -1e10
                             when p_epoch is not null then 1e11 end)
$$;
comment on function moment is 'Seconds since 1970 as a time, at the latest in the year 5138; null stays null';

create or replace function counted(p_count integer) returns smallint language sql immutable parallel safe as $$
    select least(greatest(p_count, 0), 32767)::smallint
$$;
comment on function counted is 'A counter, which stays at its largest value once it is there';
