#include "check.h"

#include <string.h>

#include "iban.h"

static const char *fault(const char *given) {
  static char plain[IBAN_LONGEST + 1];
  return iban_fault(given, strlen(given), plain);
}

int main(void) {
  json_tests();
  // Examples of the registry.
  const char *right[] = {"DE89 3704 0044 0532 0130 00", "gb29nwbk60161331926819", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) CHECK(fault(right[i]) == NULL);
  const char *wrong[][2] = {
      {"", "begin"},
      {"DE", "begin"},
      {"89DE370400440532013000", "begin"},
      {"DE88370400440532013000", "check digits"},
      {"DE89370400440532031000", "check digits"},
      {"DE8937040044053201300", "too short"},
      {"DE893704004405320130000", "too long"},
      {"XX89370400440532013000", "country"},
      {"DE89-3704-0044", "characters"},
      {"DE893704004405320130000000000000000000", "longer than any"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char *said = fault(wrong[i][0]);
    CHECK(said && strstr(said, wrong[i][1]));
  }
  puts("ok");
}
