-- Statements of journal/table.py.

-- name: columns
-- The columns of the journal in a schema. Not by to_regclass, whose cache the wait for the lock does not refresh.
select array_agg(attname::text)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = 'saga_journal' and a.attnum > 0 and not a.attisdropped

-- name: missing_rights
-- The rights on the journal in schema $1 that this role lacks; null if it has them all.
select array_agg(name) from unnest(array['select', 'insert', 'update', 'delete']) as privilege (name)
where not has_table_privilege(format('%I.saga_journal', $1::text), name)
