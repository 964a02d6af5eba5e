-- What a buyer knows of suppliers. Orders are its ledger.
create table orders (
    id text primary key,
    part text not null,
    pieces integer not null,
    supplier text not null,
    due text not null,
    state text not null
);
create table offers (
    supplier text not null,
    part text not null,
    price_cents integer not null,
    stock integer not null,
    days integer not null
);
insert into orders values
    ('S-301', 'bearing 6204', 40, 'Nordlager', '2026-11-27', 'late: the lorry is stuck until 2026-12-04'),
    ('S-302', 'belt A42', 10, 'Riemen AG', '2026-11-30', 'on its way'),
    ('S-303', 'bearing 6204', 20, 'Nordlager', '2026-11-28', 'late: on the same lorry');
insert into offers values
    ('Nordlager', 'bearing 6204', 310, 0, 9),
    ('Kugel & Sohn', 'bearing 6204', 365, 120, 1),
    ('Lagerhaus Sued', 'bearing 6204', 340, 25, 1),
    ('Roulements Lyon', 'bearing 6204', 355, 400, 4);
