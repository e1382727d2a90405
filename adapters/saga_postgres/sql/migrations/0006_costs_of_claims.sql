-- runs with builds from: 2
-- Processes report the cost of a claim. The others fill one replica of a service before the next where claims are cheap, and spread dear
-- ones.
alter table participant add column claim_seconds float8, add column busy float8;
comment on column participant.claim_seconds is
    'Processor time of one claim in this process, in seconds; null: not measured yet, or a process of an older build';
comment on column participant.busy is 'The share of one processor that this process used lately; null: as above';
