-- Rights of the role of the participants: one schema, no right to change its tables; of each table what processes do with it, and no more.
-- History and audit can only grow, and no saga is deleted: retention does that, with the rights of the owner.
-- Run as the owner of the schema (which runs the migrations), and again after each migration: a new table has no rights before.
revoke all on schema :schema from public;
grant usage on schema :schema to :role;
revoke all on all tables in schema :schema from :role; -- also the days of the history, which are reached through `event`
grant select, insert, update, delete on :schema.command, :schema.participant, :schema.bus_message to :role;
grant select, insert on :schema.saga to :role; -- its state changes, what it was started with does not
grant update (version, touched_by, phase, rollback_requested, paused, wake_at, deadline, ended_at, vector, reason) on :schema.saga to :role;
grant select, insert, update on :schema.definition, :schema.contract, :schema.leader to :role;
grant select, insert on :schema.inbox to :role; -- what was sent stays as it is
grant update (consumed_by, is_woken) on :schema.inbox to :role;
grant select, insert, delete on :schema.bus_member to :role;
grant select, insert, update on :schema.schedule to :role;
grant select, insert, delete on :schema.schedule_run to :role;
grant select, insert on
    :schema.step, :schema.start_key, :schema.definition_step, :schema.event, :schema.audit, :schema.bus_group to :role;
grant select on
    :schema.secret, :schema.schema_migration, :schema.overview, :schema.steps, :schema.stuck, :schema.waiting, :schema.alive,
    :schema.schedules to :role;
revoke all on all sequences in schema :schema from :role;
grant usage on sequence :schema.participant_id, :schema.bus_member_id to :role;
revoke execute on all functions in schema :schema from public;
grant execute on all functions in schema :schema to :role;
-- Functions that later migrations of the same owner create. Tables get their rights by this file alone, each day of the history none.
alter default privileges in schema :schema grant execute on functions to :role;
alter default privileges in schema :schema revoke all on tables from :role;
alter default privileges in schema :schema revoke all on sequences from :role;
