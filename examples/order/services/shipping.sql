-- The shipping service's own tables.
create table unserved_region (
    region  text primary key
);

-- order_number is not unique: a second parcel of one order must show in the audit.
create table shipment (
    id              bigint generated always as identity primary key,
    tracking        text not null unique
                    generated always as ('PX' || lpad(id::text, 8, '0')) stored,
    order_number    text not null,
    sku             text not null,
    quantity        integer not null,
    street          text not null,
    region          text not null,
    town            text not null
);
