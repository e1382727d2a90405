-- runs with builds from: 2
-- A queued command keeps the number of its newest claim from now on: without a number, no process has ever claimed it. Of the commands that
-- are there already, nobody knows; the number 0 says so. No process uses it.

update command set claim = 0 where claim is null;
comment on column command.claim is
    'Unique number of the newest claim; a rejection counts only if it comes from this claim. Null: no process has ever claimed the command, '
    'which a rollback makes void at once; 0: claimed or not, before migration 4';
