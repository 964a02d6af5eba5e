// Acme's requests and answers. Nothing here knows of the host: it is tested by itself.

#pragma once

#include "json.h"

// Writes the beginning of a request's body, turn after turn, and its end. `limit` 0: none.
void acme_begin(text *body, const char *model, size_t len);
void acme_turn(text *body, bool first, bool bot, const text *said);
void acme_end(text *body, uint32_t limit);

// An answer that is being read. Begin with {0}.
typedef struct {
  text rest;
  bool finished;
} acme_answer;

// What an event of an answer says.
typedef enum { ACME_TEXT, ACME_DONE, ACME_BROKEN } acme_kind;

// Takes more bytes and calls `tell` for each event. With ACME_TEXT, `words` is the text; with ACME_DONE, why it ended.
typedef void acme_tell(void *context, acme_kind kind, const text *words, uint64_t in, uint64_t out);
void acme_read(acme_answer *answer, const char *bytes, size_t len, acme_tell *tell, void *context);
