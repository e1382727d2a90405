-- runs with builds from: 2
-- Temporary tables come first in a search path that does not name their schema: a handler's temporary table `command` stood in for ours in the
-- functions that its transaction calls. The migrator now names it last for what it creates; this does so for the functions that exist.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = current_schema()::regnamespace and array_to_string(p.proconfig, ' ') ~ '\msearch_path='
    loop
        execute format('alter function %s set search_path = %I, pg_temp', v_function, current_schema());
    end loop;
end $$;
