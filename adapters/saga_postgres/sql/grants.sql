-- Rights of the role of the participants: one schema, no right to change its tables; history and audit can only grow.
-- Run as the owner of the schema (which runs the migrations), and again after each migration.
revoke all on schema :schema from public;
grant usage on schema :schema to :role;
grant select, insert, update, delete on all tables in schema :schema to :role;
revoke insert, update, delete on :schema.schema_migration, :schema.secret from :role;
revoke update, delete on :schema.event, :schema.event_default, :schema.audit from :role;
grant usage, select on all sequences in schema :schema to :role;
revoke execute on all functions in schema :schema from public;
grant execute on all functions in schema :schema to :role;
-- Tables, sequences and functions that later migrations of the same owner create
alter default privileges in schema :schema grant select, insert, update, delete on tables to :role;
alter default privileges in schema :schema grant usage, select on sequences to :role;
alter default privileges in schema :schema grant execute on functions to :role;
