#include "check.h"

#include <string.h>

#include "json.h"

static const char *read_string(const char *json, const char *name) {
  static text found;
  return json_string(json, strlen(json), name, &found) ? found.ptr : NULL;
}

void json_tests(void) {
  const char *object = " {\"a\" : [1, {\"b\": \"]}\"}], \"n\": 42, \"b\":\"x\\n\\\"\\u00e9\\ud83d\\ude00\\ud83d\" } ";
  CHECK(strcmp(read_string(object, "b"), "x\n\"é😀\xef\xbf\xbd") == 0);
  CHECK(!read_string(object, "a") && !read_string(object, "c"));
  uint64_t number;
  CHECK(json_number(object, strlen(object), "n", &number) && number == 42);
  CHECK(!json_number(object, strlen(object), "a", &number));
  const char *broken[] = {"", "{", "{\"b\"", "{\"b\":", "{\"b\":\"", "{\"b\":\"\\u12\"}", "[\"b\"]", "{\"a\":[{", "{\"a\":\"\\"};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) CHECK(!read_string(broken[i], "b"));
  text written = {0};
  text_json(&written, "é\"\\\n", 5);
  CHECK(strcmp(written.ptr, "\"é\\\"\\\\\\u000a\"") == 0);
  text_number(&written, UINT64_MAX);
  CHECK(strstr(written.ptr, "18446744073709551615"));
  free(written.ptr);
}
