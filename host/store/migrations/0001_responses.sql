-- Answers that clients may refer to, ask for again and read once more. Times are milliseconds since 1970, UTC.
create table responses (
    id text primary key,
    -- The key whose it is; empty: no key was asked for.
    owner text not null,
    created bigint not null,
    -- When a host last said that it works on it; null: it is over.
    alive bigint,
    -- What it is, a JSON text of the dialect's.
    value text not null
);
create index responses_created on responses (created);

-- Where the items are that requests refer to.
create table response_items (
    response text not null references responses (id) on delete cascade,
    id text not null,
    primary key (response, id)
);
create index response_items_id on response_items (id);

-- The events of streams that may be read again.
create table response_frames (
    response text not null references responses (id) on delete cascade,
    number bigint not null,
    value text not null,
    primary key (response, number)
);
