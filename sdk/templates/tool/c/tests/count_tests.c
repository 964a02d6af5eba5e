#include "check.h"

#include <string.h>

#include "count.h"

int main(void) {
  json_tests();
  const char *text = "Grüße, Welt\n😀 ✓";
  counted all = count(text, strlen(text));
  CHECK(all.characters == 15 && all.words == 4 && all.lines == 2);
  all = count("", 0);
  CHECK(all.characters == 0 && all.words == 0 && all.lines == 0);
  puts("ok");
}
