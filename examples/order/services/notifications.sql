-- The notifications service's own table, in a schema of its own beside Saga's.
create schema shop;

create table shop.notification (
    id              bigint generated always as identity primary key,
    order_number    text not null,
    message         text not null
);
