-- Keys that all hosts of this database share; whoever reads it can make what they vouch for.
create table keys (
    name text primary key,
    -- Hexadecimal.
    value text not null
);
