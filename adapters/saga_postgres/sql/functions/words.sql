-- The words for the letters of the tables. The same words are in saga/core/state; a test compares them.

create or replace function phase_word(p_phase "char") returns text language sql immutable parallel safe as $$
    select case p_phase when 'R' then 'running' when 'C' then 'compensating' when 'A' then 'abandoning'
                        when 'D' then 'completed' when 'Z' then 'compensated' when 'X' then 'abandoned' end
$$;
comment on function phase_word is 'The word for the letter of a phase';

create or replace function letter_word(p_letter text) returns text language sql immutable parallel safe as $$
    select case p_letter
        when 'P' then 'pending'
        when 'D' then 'dispatched'   when 'd' then 'quarantined (dispatched)'
        when 'W' then 'voiding'      when 'w' then 'quarantined (voiding)'
        when 'U' then 'resolving'    when 'u' then 'quarantined (resolving)'
        when 'K' then 'compensating' when 'k' then 'quarantined (compensating)'
        when 'S' then 'succeeded'    when 'N' then 'skipped'
        when 'H' then 'rejected, handled'
        when 'R' then 'rejected'     when 'V' then 'void'
        when 'Z' then 'compensated'  when 'G' then 'frozen'
        when '?' then 'effect unknown' end
$$;
comment on function letter_word is 'The word for one letter of saga.vector';

create or replace function mode_word(p_mode "char") returns text language sql immutable parallel safe as $$
    select case p_mode when 'T' then 'transactional' when 'J' then 'journaled' when 'X' then 'external'
                       when 'E' then 'engine' end
$$;
comment on function mode_word is 'The word for the mode of a step';

create or replace function awaited_word(p_awaits text[], p_until timestamptz) returns text
language sql immutable parallel safe as $$
    select case when p_awaits[1] like '$%' then 'its completion from outside'  -- the name of such an event is $ and the step's name
                when p_awaits is not null then 'the event ' || array_to_string(p_awaits, ' or ')
                when p_until is not null then 'its time' end
$$;
comment on function awaited_word is 'The events or the moment for which a command is parked; null: none, it waits for its next attempt';

create or replace function readable(p_payload bytea) returns text language plpgsql immutable strict as $$
begin  -- payloads are JSON, unless a codec has encrypted them
    return convert_from(p_payload, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
    return 'base64:' || encode(p_payload, 'base64');
end $$;
comment on function readable is 'A payload as text: JSON, or base64 if it is not text';
