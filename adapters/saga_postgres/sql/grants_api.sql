-- The rights of a role that serves the API, beside those of a participant: it reads tokens, notes when one was used, and signs in browsers.
-- Creating and revoking tokens is left to the owner of the schema, or to an admin over the API.
grant select, insert on :schema.token to :role;
grant update (revoked_at, used_at) on :schema.token to :role;
grant select, insert, delete on :schema.session to :role;
