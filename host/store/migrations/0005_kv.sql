-- What tools keep. A key is bytes, so that both databases order it as bytes.
create table kv (
    namespace text not null,
    -- The key of the client whose it is; empty: no key was asked for.
    owner text not null,
    key bytea not null,
    value bytea not null,
    primary key (namespace, owner, key)
);

-- How many keys there are. Whoever adds or removes one holds its row.
create table kv_counts (
    namespace text not null,
    owner text not null,
    keys bigint not null,
    primary key (namespace, owner)
);
