-- Components, by what they are told by.
create table components (
    -- SHA-256, in hexadecimal.
    digest text not null primary key,
    bytes bytea not null
);

-- The revisions of each plugin, in the order in which they came.
create table revisions (
    plugin text not null,
    -- Counted from 1.
    number bigint not null,
    digest text not null,
    -- What it is, a JSON text: where it came from, its version, who signed it, who brought it.
    about text not null,
    -- loading, verified, compiled, probed, serving, draining, retired, failed
    state text not null,
    -- Why it failed, or was taken back.
    reason text,
    -- Milliseconds since 1970, UTC: when it came, and when its state last changed.
    created bigint not null,
    changed bigint not null,
    primary key (plugin, number)
);

-- What serves, and what operators changed by the API.
create table plugins (
    plugin text not null primary key,
    -- What it was changed to, a JSON text.
    value text not null
);
