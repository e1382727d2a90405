-- The inventory service's own tables.
create table stock (
    sku     text primary key,
    free    integer not null check (free >= 0)
);

-- Append-only: taken units are positive, units put back negative.
-- Nothing here is unique: a second reservation of one order must show in the
-- audit, not be hidden by a constraint.
create table movement (
    id              bigint generated always as identity primary key,
    order_number    text not null,
    sku             text not null references stock,
    quantity        integer not null
);
