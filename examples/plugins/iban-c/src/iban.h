// International bank account numbers, ISO 13616. Nothing here knows of the host: it is tested by itself.

#pragma once

#include <stddef.h>

// Longest that the standard allows.
#define IBAN_LONGEST 34

// What is wrong with an account number; NULL: nothing. `plain` becomes it in capitals without spaces, ended by 0.
const char *iban_fault(const char *given, size_t len, char plain[IBAN_LONGEST + 1]);
