#include "acme.h"

#include <stdlib.h>
#include <string.h>

void acme_begin(text *body, const char *model, size_t len) {
  text_say(body, "{\"model\":");
  text_json(body, model, len);
  text_say(body, ",\"turns\":[");
}

void acme_turn(text *body, bool first, bool bot, const text *said) {
  text_say(body, first ? "" : ",");
  text_say(body, bot ? "{\"bot\":true,\"text\":" : "{\"bot\":false,\"text\":");
  text_json(body, said->ptr, said->len);
  text_say(body, "}");
}

void acme_end(text *body, uint32_t limit) {
  text_say(body, "]");
  if (limit) {
    text_say(body, ",\"limit\":");
    text_number(body, limit);
  }
  text_say(body, "}");
}

static void event(acme_answer *answer, const char *json, size_t len, acme_tell *tell, void *context) {
  text words = {0};
  uint64_t in = 0, out = 0;
  if (json_string(json, len, "text", &words)) {
    tell(context, ACME_TEXT, &words, 0, 0);
  } else if (json_string(json, len, "done", &words)) {
    json_number(json, len, "in", &in);
    json_number(json, len, "out", &out);
    answer->finished = true;
    tell(context, ACME_DONE, &words, in, out);
  } else {
    tell(context, ACME_BROKEN, &words, 0, 0);
  }
  free(words.ptr);
}

void acme_read(acme_answer *answer, const char *bytes, size_t len, acme_tell *tell, void *context) {
  text *rest = &answer->rest;
  text_add(rest, bytes, len);
  char *at = rest->ptr, *end = rest->ptr + rest->len, *line;
  while ((line = memchr(at, '\n', (size_t)(end - at)))) {
    static const char name[] = "data:";
    size_t data = sizeof name - 1;
    if ((size_t)(line - at) > data && memcmp(at, name, data) == 0) {
      event(answer, at + data, (size_t)(line - at) - data, tell, context);
    }
    at = line + 1;
  }
  rest->len = (size_t)(end - at);
  memmove(rest->ptr, at, rest->len);
}
