// The component: what the contract's world `tool-world` exports. evenhand/wit/tool.wit describes its types. What is returned is
// freed by the bindings, so that each text is a copy.

#include <stdlib.h>
#include <string.h>

#include "count.h"
#include "json.h"
#include "tool_world.h"

#define NAME "count"

static const char INPUT[] =
    "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\",\"description\":\"The text to count.\"}},"
    "\"required\":[\"text\"],\"additionalProperties\":false}";
static const char OUTPUT[] =
    "{\"type\":\"object\",\"properties\":{\"characters\":{\"type\":\"integer\"},\"words\":{\"type\":\"integer\"},"
    "\"lines\":{\"type\":\"integer\"}},\"required\":[\"characters\",\"words\",\"lines\"],\"additionalProperties\":false}";

bool exports_evenhand_plugin_tools_list_tools(exports_evenhand_plugin_tools_list_tool_info_t *ret,
                                              exports_evenhand_plugin_tools_error_t *err) {
  exports_evenhand_plugin_tools_tool_info_t *info = calloc(1, sizeof *info);
  tool_world_string_dup(&info->name, NAME);
  tool_world_string_dup(&info->description, "Counts the characters, words and lines of a text.");
  tool_world_string_dup(&info->input_schema, INPUT);
  info->output_schema.is_some = true;
  tool_world_string_dup(&info->output_schema.val, OUTPUT);
  info->read_only = true;
  info->idempotent = true;
  ret->ptr = info;
  ret->len = 1;
  return true;
}

// A result that is one text. With `structured`, the text is JSON.
static void result(exports_evenhand_plugin_tools_call_result_t *ret, const char *words, bool structured) {
  memset(ret, 0, sizeof *ret);
  ret->content.ptr = calloc(1, sizeof *ret->content.ptr);
  ret->content.len = 1;
  ret->content.ptr->tag = EVENHAND_PLUGIN_TOOL_TYPES_TOOL_CONTENT_TEXT;
  tool_world_string_dup(&ret->content.ptr->val.text, words);
  ret->structured.is_some = structured;
  if (structured) tool_world_string_dup(&ret->structured.val, words);
  ret->is_error = !structured;
}

bool exports_evenhand_plugin_tools_call_tool(tool_world_string_t *id, tool_world_string_t *name,
                                             exports_evenhand_plugin_tools_json_t *arguments,
                                             exports_evenhand_plugin_tools_call_result_t *ret,
                                             exports_evenhand_plugin_tools_error_t *err) {
  if (name->len != strlen(NAME) || memcmp(name->ptr, NAME, name->len) != 0) {
    memset(err, 0, sizeof *err);
    err->code = EVENHAND_PLUGIN_TYPES_ERROR_CODE_NOT_FOUND;
    tool_world_string_dup(&err->message, "there is no such tool: there is " NAME);
    return false;
  }
  text given = {0}, said = {0};
  if (!json_string((const char *)arguments->ptr, arguments->len, "text", &given) || given.len == 0) {
    // The model reads it, and may try again.
    result(ret, "`text` is empty", false);
    return true;
  }
  counted all = count(given.ptr, given.len);
  text_say(&said, "{\"characters\":");
  text_number(&said, all.characters);
  text_say(&said, ",\"words\":");
  text_number(&said, all.words);
  text_say(&said, ",\"lines\":");
  text_number(&said, all.lines);
  text_say(&said, "}");
  result(ret, said.ptr, true);
  free(given.ptr);
  free(said.ptr);
  return true;
}

void exports_evenhand_plugin_tools_cancel_tool(tool_world_string_t *id, tool_world_string_t *name) {}
