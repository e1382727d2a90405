-- Rights of the processes that take part in sagas: one schema, no right to change its tables, and history and audit can only grow.
-- Run by the owner of the schema (who runs the migrations), again after each migration.
revoke all on schema :schema from public;
grant usage on schema :schema to :role;
grant select, insert, update, delete on all tables in schema :schema to :role;
revoke insert, update, delete on :schema.schema_migration, :schema.secret from :role;
revoke update, delete on :schema.event, :schema.event_default, :schema.audit from :role;
grant usage, select on all sequences in schema :schema to :role;
revoke execute on all functions in schema :schema from public;
grant execute on all functions in schema :schema to :role;
-- What later migrations of the same owner add.
alter default privileges in schema :schema grant select, insert, update, delete on tables to :role;
alter default privileges in schema :schema grant usage, select on sequences to :role;
alter default privileges in schema :schema grant execute on functions to :role;
