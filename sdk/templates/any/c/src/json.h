// As much of JSON as a plugin needs: reads members of an object, writes text.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Text that grows. Begin with {0}; free `ptr`.
typedef struct {
  char *ptr;
  size_t len;
  size_t room;
} text;

void text_add(text *to, const char *from, size_t len);
void text_say(text *to, const char *words);
void text_number(text *to, uint64_t number);
// In quotes, escaped.
void text_json(text *to, const char *from, size_t len);

// The member of an object, as it is written. `false`: it isn't there, or this is no object. Names with escapes aren't found.
bool json_member(const char *json, size_t len, const char *name, const char **value, size_t *value_len);
// A member that is a string, without its escapes: `to` becomes it. `false`: there is no such string.
bool json_string(const char *json, size_t len, const char *name, text *to);
// A member that is a whole number.
bool json_number(const char *json, size_t len, const char *name, uint64_t *number);
