-- runs with builds from: 2
-- A command has a quiet time from the moment on at which a claim of it ends that may have begun (G136). Of the commands that were claimed
-- before this migration, nobody knows whether they have begun, so that they count as such. Those that wait for their first claim stay as
-- they are.
update command set quiet_at = now() where claim is not null and quiet_at is null;
comment on column command.quiet_at is
    'Until then a call of an earlier claim may still arrive; no rejection of an external step is final, no abandoned saga ends. Null: '
    'nothing of the command has begun (G136)';
