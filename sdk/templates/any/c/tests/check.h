#pragma once

#include <stdio.h>
#include <stdlib.h>

// Ends the tests where a condition doesn't hold.
#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);         \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

void json_tests(void);
