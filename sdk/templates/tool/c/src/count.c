#include "count.h"

#include <string.h>

counted count(const char *text, size_t len) {
  counted all = {0};
  int in_word = 0;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    // All bytes of a character but the first are 10xxxxxx.
    all.characters += (c & 0xc0) != 0x80;
    int space = c && strchr(" \t\r\n\v\f", c);
    all.words += !space && !in_word;
    in_word = !space;
    all.lines += c == '\n' || i + 1 == len;
  }
  return all;
}
