#include "iban.h"

#include <string.h>

// Countries and how long their numbers are, after the registry of ISO 13616 (release 99).
static const char LENGTHS[] =
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 "
    "LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 "
    "SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 ";

static int is_letter(char c) { return c >= 'A' && c <= 'Z'; }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

// How long a country's numbers are; 0: it has none.
static size_t length_of(const char *country) {
  for (const char *at = LENGTHS; *at; at += 5) {
    if (memcmp(at, country, 2) == 0) return (size_t)((at[2] - '0') * 10 + (at[3] - '0'));
  }
  return 0;
}

const char *iban_fault(const char *given, size_t len, char plain[IBAN_LONGEST + 1]) {
  size_t count = 0;
  for (size_t i = 0; i < len; i++) {
    char c = given[i];
    if (c == ' ') continue;
    if (c >= 'a' && c <= 'z') c -= 'a' - 'A';
    if (!is_letter(c) && !is_digit(c)) return "it has characters other than letters, digits and spaces";
    if (count == IBAN_LONGEST) return "it is longer than any account number";
    plain[count++] = c;
  }
  plain[count] = 0;
  if (count < 4 || !is_letter(plain[0]) || !is_letter(plain[1]) || !is_digit(plain[2]) || !is_digit(plain[3])) {
    return "it does not begin with a country and two check digits";
  }
  size_t wanted = length_of(plain);
  if (!wanted) return "its country has no such account numbers";
  if (count != wanted) return count < wanted ? "it is too short for its country" : "it is too long for its country";
  // The first four go to the end, letters count 10 to 35, and the number leaves 1 when divided by 97.
  unsigned rest = 0;
  for (size_t i = 0; i < count; i++) {
    char c = plain[(i + 4) % count];
    unsigned value = is_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
    rest = (rest * (value < 10 ? 10 : 100) + value) % 97;
  }
  return rest == 1 ? NULL : "its check digits are wrong: a character is mistyped, or two are swapped";
}
