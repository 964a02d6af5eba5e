//! Does nothing. Attacks in WAT take the place of its core module: its types and its wiring are theirs.

hostile::attack!(hostile::says);
