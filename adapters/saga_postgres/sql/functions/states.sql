-- The meaning of the letters of a saga row. Plain SQL without settings: PostgreSQL inlines these functions where they are called.

create or replace function is_terminal(phase "char") returns boolean language sql immutable parallel safe as $$
    select phase in ('D', 'Z', 'X')  -- completed, compensated, abandoned
$$;
comment on function is_terminal is 'Whether a saga in this phase has ended';

create or replace function has_quarantined(letters text) returns boolean language sql immutable parallel safe as $$
    select letters ~ '[dwuk]'  -- quarantined while dispatched, voiding, resolving, compensating
$$;
comment on function has_quarantined is 'Whether a vector, or one letter of it, says that a step waits for an operator';

create or replace function is_under_way(letter text) returns boolean language sql immutable parallel safe as $$
    select letter ~ '[DWUKdwukG]'  -- dispatched, voiding, resolving, compensating, each also quarantined; frozen
$$;
comment on function is_under_way is 'Whether something is happening to a step, or should be';

create or replace function called_for(phase "char", letter text, mode "char") returns "char"
language sql immutable parallel safe as $$
    select case
        when phase = 'R' and letter = 'D' then 'E'                    -- running, dispatched: execute
        when phase = 'R' and letter = 'W' then 'O'                    -- running, voiding: void or report
        when phase = 'C' and letter = 'U' then 'E'                    -- compensating, resolving: execute, to learn the outcome
        when phase = 'C' and letter = 'K' then 'C'                    -- compensating: compensate
        when phase = 'R' and letter = 'U' then 'E'                    -- the same for a single step, while the saga runs
        when phase = 'R' and letter = 'K' then 'C'
        when phase = 'A' and letter = 'G' and mode = 'J' then 'O'     -- abandoning, frozen, journaled: void or report
    end::"char"
$$;
comment on function called_for is 'G1: the operation that the vector calls for; null: none';

create or replace function keeps_command(letter text, mode "char") returns boolean language sql immutable parallel safe as $$
    select letter in ('d', 'w', 'u', 'k') or (letter = 'G' and mode = 'X')  -- quarantined; frozen, external
$$;
comment on function keeps_command is 'G37, G40: nothing is called for, but the command row records until when a call may still arrive';

create or replace function parked_progress(p_until timestamptz, p_progress bytea) returns bytea
language sql stable parallel safe as $$
    select '{"$until":'::bytea || coalesce(extract(epoch from p_until)::text, 'null')::bytea || ',"progress":'::bytea
           || coalesce(p_progress, 'null'::bytea) || '}'::bytea
$$;
comment on function parked_progress is
    'The progress that a claim carries of a command that was parked for a moment: {"$until": seconds since 1970, "progress": ...}; '
    'null in their place: it was not parked, and its own progress looks like this';

create or replace function is_cancelling(p_document bytea, p_step smallint) returns boolean language sql immutable parallel safe as $$
    select coalesce((convert_from(p_document, 'UTF8')::jsonb -> 'steps' -> p_step::integer ->> 'cancels')::boolean, false)
$$;
comment on function is_cancelling is 'Whether a step of a definition waits for an event that cancels the saga; p_document: definition.document';

-- The same rule as `is_vector_kept` in saga/ports/saga_history.py.
create or replace function recorded_vector(p_kind text, p_vector text, p_version integer) returns text
language sql immutable parallel safe as $$
    select case when p_kind <> 'succeeded' or p_version is null or p_version % 64 = 0 or length(p_vector) <= 64 then p_vector end
$$;
comment on function recorded_vector is 'The vector that a line of history has; p_version null: the line changed nothing';
comment on column event.vector is
    'The letters after the transition; null where a saga of more than 64 steps has a line that says all that has changed';
