-- runs with builds from: 2
-- The audit says how the actor was recognised, which plan was approved, and why an action was refused. The id of a request is unique, so
-- that a repeat is recognised. Rows of older builds have none of this.
alter table audit
    add column authenticated text, add column address text, add column request text, add column plan text, add column refusal text;
create unique index audit_request on audit (request);
comment on table audit is 'What operators did, and what they were refused: who, when, why, before and after';
comment on column audit.authenticated is 'How the actor was recognised; null: by access to the store';
comment on column audit.address is 'From where the request came; null: not by way of a server';
comment on column audit.request is 'The id of the request, by which a repeat is recognised; null: an action of an older build';
comment on column audit.plan is 'The digest of the plan that was carried out; null: as above';
comment on column audit.refusal is 'Why the action was refused, and changed nothing; null: it was carried out, or as above';
