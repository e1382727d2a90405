-- runs with builds from: 2
-- The text of a definition that was registered from a file.
alter table definition add column source text;
comment on column definition.source is 'The YAML or JSON from which it was registered; null: it was registered from Python';
