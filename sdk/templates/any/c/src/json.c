#include "json.h"

#include <stdlib.h>
#include <string.h>

void text_add(text *to, const char *from, size_t len) {
  if (to->len + len + 1 > to->room) {
    to->room = (to->len + len + 1) * 2;
    to->ptr = realloc(to->ptr, to->room);
    if (!to->ptr) abort();
  }
  if (len) memcpy(to->ptr + to->len, from, len);
  to->len += len;
  to->ptr[to->len] = 0;
}

void text_say(text *to, const char *words) { text_add(to, words, strlen(words)); }

void text_number(text *to, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  text_add(to, digits + at, sizeof digits - at);
}

void text_json(text *to, const char *from, size_t len) {
  static const char hex[] = "0123456789abcdef";
  text_say(to, "\"");
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)from[i];
    char escaped[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\') {
      char pair[] = {'\\', (char)c};
      text_add(to, pair, 2);
    } else if (c < 0x20) {
      text_add(to, escaped, 6);
    } else {
      text_add(to, from + i, 1);
    }
  }
  text_say(to, "\"");
}

static const char *space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

// Behind a string that begins here; NULL: it doesn't end.
static const char *behind_string(const char *at, const char *end) {
  for (at++; at < end; at++) {
    if (*at == '\\') at++;
    else if (*at == '"') return at + 1;
  }
  return NULL;
}

// Behind a value that begins here; NULL: it doesn't end.
static const char *behind_value(const char *at, const char *end) {
  int depth = 0;
  do {
    at = space(at, end);
    if (at >= end) return NULL;
    if (*at == '"') {
      at = behind_string(at, end);
      if (!at) return NULL;
    } else if (*at == '{' || *at == '[') {
      depth++;
      at++;
    } else if (*at == '}' || *at == ']') {
      depth--;
      at++;
    } else {
      // A number, a word, or what is between values.
      at++;
      while (at < end && *at && !strchr(",:]}[{\" \t\r\n", *at)) at++;
    }
  } while (depth > 0);
  return at;
}

bool json_member(const char *json, size_t len, const char *name, const char **value, size_t *value_len) {
  const char *end = json + len, *at = space(json, end);
  if (at >= end || *at != '{') return false;
  do {
    at = space(at + 1, end);
    if (at >= end || *at != '"') return false;
    const char *found = at + 1;
    at = behind_string(at, end);
    if (!at) return false;
    size_t found_len = (size_t)(at - 1 - found);
    at = space(at, end);
    if (at >= end || *at != ':') return false;
    const char *begin = space(at + 1, end);
    at = behind_value(begin, end);
    if (!at) return false;
    if (found_len == strlen(name) && memcmp(found, name, found_len) == 0) {
      *value = begin;
      *value_len = (size_t)(at - begin);
      return true;
    }
    at = space(at, end);
  } while (at < end && *at == ',');
  return false;
}

static int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Four hexadecimal digits; -1: they are none.
static long unit(const char *at, const char *end) {
  if (end - at < 4) return -1;
  long value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = nibble(at[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

static void add_utf8(text *to, long c) {
  char bytes[4];
  size_t len = 0;
  if (c < 0x80) {
    bytes[len++] = (char)c;
  } else if (c < 0x800) {
    bytes[len++] = (char)(0xc0 | c >> 6);
    bytes[len++] = (char)(0x80 | (c & 63));
  } else {
    if (c < 0x10000) {
      bytes[len++] = (char)(0xe0 | c >> 12);
    } else {
      bytes[len++] = (char)(0xf0 | c >> 18);
      bytes[len++] = (char)(0x80 | (c >> 12 & 63));
    }
    bytes[len++] = (char)(0x80 | (c >> 6 & 63));
    bytes[len++] = (char)(0x80 | (c & 63));
  }
  text_add(to, bytes, len);
}

// What `\u` stands for, and the other half of a pair after it; `at` is behind the `u`, and goes behind it all.
static bool escaped_unit(text *to, const char **at, const char *end) {
  long c = unit(*at, end);
  if (c < 0) return false;
  *at += 4;
  if (c >= 0xd800 && c < 0xe000) {
    long low = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? unit(*at + 2, end) : -1;
    if (c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
      *at += 6;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else {
      // Half a pair stands for nothing.
      c = 0xfffd;
    }
  }
  add_utf8(to, c);
  return true;
}

bool json_string(const char *json, size_t len, const char *name, text *to) {
  const char *at;
  if (!json_member(json, len, name, &at, &len) || len < 2 || *at != '"') return false;
  const char *end = at + len - 1;
  to->len = 0;
  text_add(to, "", 0);
  for (at++; at < end;) {
    if (*at != '\\') {
      text_add(to, at++, 1);
      continue;
    }
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = at[1];
    at += 2;
    const char *known = c ? strchr(names, c) : NULL;
    if (known) text_add(to, &meanings[known - names], 1);
    else if (c != 'u' || !escaped_unit(to, &at, end)) return false;
  }
  return true;
}

bool json_number(const char *json, size_t len, const char *name, uint64_t *number) {
  const char *at;
  if (!json_member(json, len, name, &at, &len)) return false;
  *number = 0;
  for (size_t i = 0; i < len; i++) {
    if (at[i] < '0' || at[i] > '9' || *number > (UINT64_MAX - 9) / 10) return false;
    *number = *number * 10 + (uint64_t)(at[i] - '0');
  }
  return true;
}
