"""The translation cases of the design (`fidelity.md`), for each pair of a client's dialect and a provider, streamed and not.

A case says once, in neutral words, what a client asks (`words.Ask`) and what the vendor answers (`words.Answer`). `clients`
writes the first in each dialect and reads what comes out; `wires` reads the request at the scripted vendor and writes the exact
bytes of its answer, which `scripted` sends split at awkward points. `conftest` makes `docs/fidelity.md` of what the tests say."""
