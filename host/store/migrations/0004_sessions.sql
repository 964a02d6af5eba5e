-- Sessions of agents. Times are milliseconds since 1970, UTC.
create table sessions (
    id text primary key,
    -- The key whose it is; empty: no key was asked for.
    owner text not null,
    agent text not null,
    -- A JSON text.
    metadata text not null,
    created bigint not null,
    updated bigint not null,
    status text not null,
    -- There is work to be done.
    wants boolean not null,
    -- Number of the next event.
    next bigint not null,
    -- The host that works on it.
    lease_host text,
    -- Until when, by the database's clock; null: nobody does.
    lease_until bigint,
    -- How often it was taken: whoever has an older number lost it.
    lease_epoch bigint not null
);
create index sessions_created on sessions (owner, created, id);
create index sessions_wanting on sessions (updated) where wants;

-- What happened in a session, in order.
create table session_events (
    session text not null references sessions (id) on delete cascade,
    number bigint not null,
    at bigint not null,
    -- A JSON text.
    value text not null,
    primary key (session, number)
);
