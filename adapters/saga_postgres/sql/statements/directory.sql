-- Statements of directory.py.

-- name: publish_contracts
-- Publishes contracts. Sorted, so that processes of a service that start together do not deadlock; unchanged rows are not written.
insert into contract as c
    (service, handler, mode, has_compensation, has_probe, read_only, input_schema, output_schema, handler_version)
select service, handler, mode, has_compensation, has_probe, read_only, input_schema::jsonb, output_schema::jsonb,
       handler_version
from unnest($1::text[], $2::text[], $3::"char"[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[], $8::text[],
            $9::text[])
    as n(service, handler, mode, has_compensation, has_probe, read_only, input_schema, output_schema, handler_version)
order by service, handler
on conflict (service, handler) do update
set mode = excluded.mode, has_compensation = excluded.has_compensation, has_probe = excluded.has_probe,
    read_only = excluded.read_only, input_schema = excluded.input_schema, output_schema = excluded.output_schema,
    handler_version = excluded.handler_version, published_at = now()
where (c.mode, c.has_compensation, c.has_probe, c.read_only, c.input_schema, c.output_schema, c.handler_version)
      is distinct from
      (excluded.mode, excluded.has_compensation, excluded.has_probe, excluded.read_only, excluded.input_schema,
       excluded.output_schema, excluded.handler_version)

-- name: contracts
-- All contracts.
select service, handler, mode, has_compensation, has_probe, read_only, input_schema::text, output_schema::text,
       handler_version
from contract

-- name: insert_definition
-- Inserts a definition and returns its number.
insert into definition (name, version, hash, document, services, input_schema, event_schemas)
values ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb) returning id

-- name: set_schemas
-- The types of the input and the events of definition $1 are described by these now: they are not part of its identity. Null: as before.
update definition
set input_schema = coalesce($2::text::jsonb, input_schema), event_schemas = coalesce($3::text::jsonb, event_schemas)
where id = $1 and (input_schema is distinct from coalesce($2::text::jsonb, input_schema)
                   or event_schemas is distinct from coalesce($3::text::jsonb, event_schemas))

-- name: insert_steps
-- Inserts the steps of definition $1.
insert into definition_step (definition, step, name, service, handler, mode, is_pivot, after, reads, call_ms)
select $1, w.step, w.name, w.service, w.handler, w.mode, w.is_pivot, w.after::smallint[], w.reads::smallint[], w.call_ms
from unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::"char"[], $7::boolean[], $8::text[], $9::text[],
            $10::integer[])
    as w(step, name, service, handler, mode, is_pivot, after, reads, call_ms)

-- name: find_number
-- The definition of number $1.
select document, input_schema::text, event_schemas::text from definition where id = $1

-- name: find_version
-- Version $2 of definition $1.
select id, document, input_schema::text, event_schemas::text from definition where name = $1 and version = $2

-- name: find_default
-- The version of a definition that a start by name gets: the one activated last.
select id, version, document, input_schema::text, event_schemas::text from definition where name = $1 and activated_at is not null
order by activated_at desc, version desc limit 1

-- name: activate_again
-- Makes definition $1 the one of name $2 that was activated last.
update definition set activated_at = greatest(
    clock_timestamp(), (select max(o.activated_at) + interval '1 microsecond' from definition o where o.name = $2)
)
where id = $1

-- name: in_use
-- The definitions with a step of services $1 that a start by name gets, or that an unfinished saga runs on.
select d.document from definition d
where d.services && $1::text[]
  and (exists (select from saga s where s.definition = d.id and s.wake_at is not null)
       or d.id = (
           select o.id from definition o where o.name = d.name and o.activated_at is not null
           order by o.activated_at desc, o.version desc limit 1
       ))
order by d.name, d.version

-- name: needed
-- Everything that still needs service $1: processes, unfinished sagas, and definitions that a start by name gets.
select (select array_agg(a.name order by a.name) from alive a where $1 = any (a.services)) as processes,
       (select count(*) from saga s join definition d on d.id = s.definition
        where s.wake_at is not null and $1 = any (d.services)) as sagas,
       (select array_agg(format('%s v%s', d.name, d.version) order by d.name, d.version) from definition d
        where d.activated_at is not null and $1 = any (d.services)) as definitions
