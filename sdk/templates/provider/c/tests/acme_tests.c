#include "check.h"

#include <string.h>

#include "acme.h"

static text heard;
static int broken;

static void tell(void *context, acme_kind kind, const text *words, uint64_t in, uint64_t out) {
  if (kind == ACME_BROKEN) {
    broken++;
    return;
  }
  text_add(&heard, words->ptr, words->len);
  if (kind == ACME_DONE) {
    text_say(&heard, " ");
    text_number(&heard, in + out);
  }
}

static void read_all(acme_answer *answer, const char *bytes) { acme_read(answer, bytes, strlen(bytes), tell, NULL); }

int main(void) {
  json_tests();
  text body = {0}, said = {0};
  text_say(&said, "\"Hi\"");
  acme_begin(&body, "acme-1", 6);
  acme_turn(&body, true, false, &said);
  acme_turn(&body, false, true, &said);
  acme_end(&body, 5);
  CHECK(strcmp(body.ptr, "{\"model\":\"acme-1\",\"turns\":[{\"bot\":false,\"text\":\"\\\"Hi\\\"\"},"
                         "{\"bot\":true,\"text\":\"\\\"Hi\\\"\"}],\"limit\":5}") == 0);
  acme_answer answer = {0};
  read_all(&answer, "data: {\"text\": \"Gr\xc3");
  CHECK(heard.len == 0);
  read_all(&answer, "\xbc\"}\n\n: nothing\n");
  CHECK(strcmp(heard.ptr, "Grü") == 0 && !answer.finished);
  read_all(&answer, "data: no JSON\n");
  CHECK(broken == 1);
  read_all(&answer, "data: {\"done\": \"end\", \"in\": 1, \"out\": 2}\n");
  CHECK(strcmp(heard.ptr, "Grüend 3") == 0 && answer.finished);
  puts("ok");
}
