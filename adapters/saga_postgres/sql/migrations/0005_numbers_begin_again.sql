-- runs with builds from: 2
-- After the largest number the numbers of processes and of members of the bus begin again; a process takes the next one that is free.
alter sequence participant_id cycle;
alter sequence bus_member_id cycle;
comment on table start_key is
    'Start keys chosen by callers: the same key never starts a second saga of a definition, until retention has deleted the first';
