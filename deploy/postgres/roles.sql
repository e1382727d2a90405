-- The roles of a store. An administrator of the server creates them once, in the database of the store:
--   psql -v ON_ERROR_STOP=1 -v owner=saga_owner -v role=saga_services -f roles.sql postgresql://.../saga
-- Then, as the owner and after each upgrade: saga migrate --role saga_services. It grants the role the rights that it needs on the tables.
-- Neither role gets a password here: how it authenticates (a password, a certificate, an identity of the cloud) is up to you.
select not exists (select from pg_roles where rolname = :'owner') as is_missing \gset
\if :is_missing
create role :"owner" login;
\endif
select not exists (select from pg_roles where rolname = :'role') as is_missing \gset
\if :is_missing
create role :"role" login;
\endif

select current_database() as store \gset
grant connect, create on database :"store" to :"owner"; -- it creates the schema of a namespace
grant connect on database :"store" to :"role";
revoke create on schema public from public;
-- A participant that hangs must not keep a transaction open for ever, nor wait for the lock of a migration.
alter role :"role" set idle_in_transaction_session_timeout = '5min';
alter role :"role" set lock_timeout = '10s';
