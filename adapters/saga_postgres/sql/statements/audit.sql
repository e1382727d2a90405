-- Statements of audit.py.

-- name: insert
-- Inserts an action. Returns no row if its request is there already.
insert into audit (actor, action, saga, step, reason, detail, authenticated, address, request, plan, refusal)
values ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11)
on conflict (request) do nothing
returning id

-- name: lines
-- All lines of the audit. The module adds its conditions, so that each finds its index.
select id, extract(epoch from at)::float8 as at, actor, action, saga, step, reason, detail::text as detail,
       authenticated, address, request, plan, refusal
from audit
