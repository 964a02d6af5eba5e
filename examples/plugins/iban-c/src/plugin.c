// The component: what the contract's world `tool-world` exports. evenhand/wit/tool.wit describes its types. What is returned is
// freed by the bindings, so that each text is a copy.

#include <stdlib.h>
#include <string.h>

#include "iban.h"
#include "json.h"
#include "tool_world.h"

#define NAME "check_iban"

static const char INPUT[] =
    "{\"type\":\"object\",\"properties\":{\"iban\":{\"type\":\"string\",\"maxLength\":64,\"description\":\"The account number, with or "
    "without spaces.\"}},\"required\":[\"iban\"],\"additionalProperties\":false}";
static const char OUTPUT[] =
    "{\"type\":\"object\",\"properties\":{\"valid\":{\"type\":\"boolean\"},\"iban\":{\"type\":\"string\"},\"why\":{\"type\":\"string\"}},"
    "\"required\":[\"valid\"],\"additionalProperties\":false}";

bool exports_evenhand_plugin_tools_list_tools(exports_evenhand_plugin_tools_list_tool_info_t *ret,
                                              exports_evenhand_plugin_tools_error_t *err) {
  exports_evenhand_plugin_tools_tool_info_t *info = calloc(1, sizeof *info);
  tool_world_string_dup(&info->name, NAME);
  tool_world_string_dup(&info->description, "Checks the number of a bank account (IBAN): country, length and check digits. Whether "
                                            "there is such an account it can't say.");
  tool_world_string_dup(&info->input_schema, INPUT);
  info->output_schema.is_some = true;
  tool_world_string_dup(&info->output_schema.val, OUTPUT);
  info->read_only = true;
  info->idempotent = true;
  ret->ptr = info;
  ret->len = 1;
  return true;
}

// What is found, as JSON.
static void write_found(text *to, const char *iban, const char *fault) {
  text_say(to, fault ? "{\"valid\":false,\"why\":" : "{\"valid\":true,\"iban\":");
  const char *words = fault ? fault : iban;
  text_json(to, words, strlen(words));
  text_say(to, "}");
}

bool exports_evenhand_plugin_tools_call_tool(tool_world_string_t *id, tool_world_string_t *name,
                                             exports_evenhand_plugin_tools_json_t *arguments,
                                             exports_evenhand_plugin_tools_call_result_t *ret,
                                             exports_evenhand_plugin_tools_error_t *err) {
  text given = {0}, found = {0};
  bool known = name->len == strlen(NAME) && memcmp(name->ptr, NAME, name->len) == 0;
  if (!known || !json_string((const char *)arguments->ptr, arguments->len, "iban", &given)) {
    memset(err, 0, sizeof *err);
    err->code = known ? EVENHAND_PLUGIN_TYPES_ERROR_CODE_BAD_REQUEST : EVENHAND_PLUGIN_TYPES_ERROR_CODE_NOT_FOUND;
    tool_world_string_dup(&err->message, known ? "the arguments have no text `iban`" : "there is no such tool: there is " NAME);
    return false;
  }
  char plain[IBAN_LONGEST + 1];
  const char *fault = iban_fault(given.ptr, given.len, plain);
  write_found(&found, plain, fault);
  memset(ret, 0, sizeof *ret);
  ret->content.ptr = calloc(1, sizeof *ret->content.ptr);
  ret->content.len = 1;
  ret->content.ptr->tag = EVENHAND_PLUGIN_TOOL_TYPES_TOOL_CONTENT_TEXT;
  tool_world_string_dup(&ret->content.ptr->val.text, found.ptr);
  ret->structured.is_some = true;
  tool_world_string_dup(&ret->structured.val, found.ptr);
  free(given.ptr);
  free(found.ptr);
  return true;
}

void exports_evenhand_plugin_tools_cancel_tool(tool_world_string_t *id, tool_world_string_t *name) {}
