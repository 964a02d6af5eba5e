#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t characters, words, lines;
} counted;

// Counts a text in UTF-8. Words are parted by ASCII space.
counted count(const char *text, size_t len);
