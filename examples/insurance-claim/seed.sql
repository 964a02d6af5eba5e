-- What an insurer knows. Payouts are its ledger.
create table policies (
    number text primary key,
    holder text not null,
    covers text not null,
    limit_cents integer not null,
    deductible text not null,
    account text not null
);
create table claims (
    id text primary key,
    policy text not null references policies (number),
    cause text not null,
    happened text not null
);
create table damages (
    claim text not null references claims (id),
    what text not null,
    repair text not null
);
create table payouts (
    -- Of the call that paid it: one that is repeated after a crash finds its row.
    call text not null,
    claim text not null unique references claims (id),
    cents integer not null
);
insert into policies values
    ('P-1042', 'Ada Byron', 'storm, hail, theft', 500000, '250.00', 'DE02 1203 0000 0000 2020 51'),
    ('P-1043', 'Karl Benz', 'theft', 100000, '150.00', 'DE02 5001 0517 0137 0750 30');
insert into claims values
    ('C-77', 'P-1042', 'hail', '2026-11-19'),
    ('C-78', 'P-1043', 'theft', '2026-11-20'),
    ('C-79', 'P-1043', 'theft', '2026-11-22');
insert into damages values
    ('C-77', 'windscreen', '640.50'),
    ('C-77', 'roof', '1249.50'),
    ('C-78', 'radio', '390.00'),
    -- More than its policy's limit.
    ('C-79', 'navigation', '1900.00');
