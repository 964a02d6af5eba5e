-- Agents that clients made.
create table agents (
    -- The key whose it is; empty: no key was asked for.
    owner text not null,
    id text not null,
    -- Milliseconds since 1970, UTC.
    created bigint not null,
    -- What it is, a JSON text.
    value text not null,
    primary key (owner, id)
);
create index agents_created on agents (owner, created, id);
