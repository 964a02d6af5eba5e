// The component: what the contract's world `provider-world` exports. evenhand/wit/provider.wit describes its types. What is returned
// is freed by the bindings, so that each text is a copy.

#include <stdlib.h>
#include <string.h>

#include "acme.h"
#include "json.h"
#include "provider_world.h"

#define MODEL "acme-1"
#define BASE_URL "https://api.acme.example"
// Most bytes of a refusal.
#define WHOLE (64 << 10)

typedef exports_evenhand_plugin_provider_error_t error;
typedef evenhand_plugin_types_event_t event;

static void copy(provider_world_string_t *to, const char *from, size_t len) {
  to->ptr = malloc(len ? len : 1);
  to->len = len;
  if (!to->ptr) abort();
  if (len) memcpy(to->ptr, from, len);
}

// Makes an error. Always `false`, as functions return that fail. `param` may be NULL.
static bool failed(error *err, uint8_t code, const char *message, const char *param) {
  memset(err, 0, sizeof *err);
  err->code = code;
  provider_world_string_dup(&err->message, message);
  err->param.is_some = param != NULL;
  if (param) provider_world_string_dup(&err->param.val, param);
  return false;
}

// Events that were made and not yet handed on.
typedef struct {
  event *ptr;
  size_t len;
} events;

static event *add(events *to, uint8_t tag) {
  to->ptr = realloc(to->ptr, (to->len + 1) * sizeof *to->ptr);
  if (!to->ptr) abort();
  event *added = &to->ptr[to->len++];
  memset(added, 0, sizeof *added);
  added->tag = tag;
  return added;
}

static void warn(events *to, bool given, const char *field) {
  if (!given) return;
  event *added = add(to, EVENHAND_PLUGIN_TYPES_EVENT_WARNING);
  provider_world_string_dup(&added->val.warning.field, field);
  provider_world_string_dup(&added->val.warning.message, "acme has no such setting");
}

// A warning for each field that Acme has no place for: nothing is dropped in silence.
static void left_out(events *to, const exports_evenhand_plugin_provider_generate_request_t *request) {
  const evenhand_plugin_types_sampling_t *sampling = &request->sampling;
  warn(to, sampling->temperature.is_some, "sampling.temperature");
  warn(to, sampling->top_p.is_some, "sampling.top-p");
  warn(to, sampling->top_k.is_some, "sampling.top-k");
  warn(to, sampling->seed.is_some, "sampling.seed");
  warn(to, sampling->frequency_penalty.is_some, "sampling.frequency-penalty");
  warn(to, sampling->presence_penalty.is_some, "sampling.presence-penalty");
  warn(to, sampling->stop.len > 0, "sampling.stop");
  warn(to, sampling->logprobs.is_some, "sampling.logprobs");
  warn(to, request->tool_choice.is_some, "tool-choice");
  warn(to, request->parallel_tool_calls.is_some, "parallel-tool-calls");
  warn(to, request->reasoning.is_some, "reasoning");
  warn(to, request->verbosity.is_some, "verbosity");
  warn(to, request->modalities.len > 0, "modalities");
  warn(to, request->service_tier.is_some, "service-tier");
  warn(to, request->user.is_some, "user");
  warn(to, request->metadata.len > 0, "metadata");
  warn(to, request->extensions.len > 0, "extensions");
}

// What the operator wrote as `base_url`, or Acme's own.
static void base_url(text *url) {
  provider_world_string_t config;
  evenhand_plugin_config_get(&config);
  if (!json_string((const char *)config.ptr, config.len, "base_url", url)) text_say(url, BASE_URL);
  provider_world_string_free(&config);
}

// Acme's request for a neutral one.
static bool translate(const exports_evenhand_plugin_provider_generate_request_t *request, text *body, error *err) {
  if (request->tools.len) {
    return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_UNSUPPORTED, "acme has no tools", "tools");
  }
  if (request->output.tag != EVENHAND_PLUGIN_TYPES_OUTPUT_FORMAT_TEXT) {
    return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_UNSUPPORTED, "acme writes text only", "output");
  }
  if (request->sampling.choices.is_some && request->sampling.choices.val > 1) {
    return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_BAD_REQUEST, "acme gives one answer", "sampling.choices");
  }
  acme_begin(body, (const char *)request->model.ptr, request->model.len);
  for (size_t i = 0; i < request->messages.len; i++) {
    const evenhand_plugin_types_message_t *message = &request->messages.ptr[i];
    text said = {0};
    for (size_t j = 0; j < message->parts.len; j++) {
      const evenhand_plugin_types_content_t *content = &message->parts.ptr[j].content;
      if (content->tag != EVENHAND_PLUGIN_TYPES_CONTENT_TEXT) {
        free(said.ptr);
        return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_BAD_REQUEST, "acme reads text only", "messages");
      }
      text_add(&said, (const char *)content->val.text.text.ptr, content->val.text.text.len);
    }
    acme_turn(body, i == 0, message->role == EVENHAND_PLUGIN_TYPES_ROLE_ASSISTANT, &said);
    free(said.ptr);
  }
  acme_end(body, request->sampling.max_tokens.is_some ? request->sampling.max_tokens.val : 0);
  return true;
}

// Acme refused: its words, and what kind of error that is.
static bool refused(evenhand_plugin_http_borrow_response_t response, uint16_t status, error *err) {
  uint8_t code = status == 400   ? EVENHAND_PLUGIN_TYPES_ERROR_CODE_BAD_REQUEST
                 : status == 401 ? EVENHAND_PLUGIN_TYPES_ERROR_CODE_UNAUTHORISED
                 : status == 429 ? EVENHAND_PLUGIN_TYPES_ERROR_CODE_RATE_LIMITED
                                 : EVENHAND_PLUGIN_TYPES_ERROR_CODE_UPSTREAM;
  evenhand_plugin_http_own_body_t body = evenhand_plugin_http_method_response_body(response);
  provider_world_list_u8_t words = {0};
  if (!evenhand_plugin_http_method_body_read_all(evenhand_plugin_http_borrow_body(body), WHOLE, &words, err)) {
    exports_evenhand_plugin_provider_error_free(err);
    words.len = 0;
  }
  evenhand_plugin_http_body_drop_own(body);
  failed(err, code, "acme refused", NULL);
  err->upstream.is_some = true;
  err->upstream.val.status = status;
  copy(&err->upstream.val.body, (const char *)words.ptr, words.len);
  if (words.len) provider_world_list_u8_free(&words);
  return false;
}

// Sends a body to Acme. `true`: it accepted, and `answer` is what it says.
static bool ask(const text *body, evenhand_plugin_http_own_body_t *answer, error *err) {
  text url = {0};
  base_url(&url);
  text_say(&url, "/v1/answers");
  evenhand_plugin_http_header_t header;
  provider_world_string_set(&header.f0, "content-type");
  provider_world_string_set(&header.f1, "application/json");
  evenhand_plugin_http_request_t request = {0};
  provider_world_string_set(&request.method, "POST");
  provider_world_string_set(&request.url, url.ptr);
  request.headers.ptr = &header;
  request.headers.len = 1;
  request.payload.tag = EVENHAND_PLUGIN_HTTP_PAYLOAD_BYTES;
  request.payload.val.bytes.ptr = (uint8_t *)body->ptr;
  request.payload.val.bytes.len = body->len;
  request.credential.is_some = true;
  provider_world_string_set(&request.credential.val, "api_key");
  evenhand_plugin_http_own_response_t response;
  bool sent = evenhand_plugin_http_send(&request, &response, err);
  free(url.ptr);
  if (!sent) return false;
  evenhand_plugin_http_borrow_response_t borrowed = evenhand_plugin_http_borrow_response(response);
  uint16_t status = evenhand_plugin_http_method_response_status(borrowed);
  bool accepted = status < 300 || refused(borrowed, status, err);
  if (accepted) *answer = evenhand_plugin_http_method_response_body(borrowed);
  evenhand_plugin_http_response_drop_own(response);
  return accepted;
}

// An answer in the making.
struct exports_evenhand_plugin_provider_generation_t {
  evenhand_plugin_http_own_body_t body;
  acme_answer answer;
  events made;
  bool broken;
};

void exports_evenhand_plugin_provider_generation_destructor(exports_evenhand_plugin_provider_generation_t *self) {
  evenhand_plugin_http_body_drop_own(self->body);
  for (size_t i = 0; i < self->made.len; i++) evenhand_plugin_types_event_free(&self->made.ptr[i]);
  free(self->made.ptr);
  free(self->answer.rest.ptr);
  free(self);
}

// Makes events of what Acme says.
static void tell(void *context, acme_kind kind, const text *words, uint64_t in, uint64_t out) {
  exports_evenhand_plugin_provider_generation_t *self = context;
  if (kind == ACME_BROKEN) {
    self->broken = true;
  } else if (kind == ACME_TEXT) {
    event *grown = add(&self->made, EVENHAND_PLUGIN_TYPES_EVENT_PART_DELTA);
    grown->val.part_delta.delta.tag = EVENHAND_PLUGIN_TYPES_DELTA_TEXT;
    copy(&grown->val.part_delta.delta.val.text, words->ptr, words->len);
  } else {
    add(&self->made, EVENHAND_PLUGIN_TYPES_EVENT_PART_ENDED);
    evenhand_plugin_types_usage_t *usage = &add(&self->made, EVENHAND_PLUGIN_TYPES_EVENT_USAGE)->val.usage;
    usage->input_tokens.is_some = usage->output_tokens.is_some = true;
    usage->input_tokens.val = in;
    usage->output_tokens.val = out;
    evenhand_plugin_types_finish_reason_t *reason = &add(&self->made, EVENHAND_PLUGIN_TYPES_EVENT_FINISHED)->val.finished.reason;
    if (strcmp(words->ptr, "end") == 0) {
      reason->tag = EVENHAND_PLUGIN_TYPES_FINISH_REASON_STOP;
    } else if (strcmp(words->ptr, "limit") == 0) {
      reason->tag = EVENHAND_PLUGIN_TYPES_FINISH_REASON_LENGTH;
    } else {
      reason->tag = EVENHAND_PLUGIN_TYPES_FINISH_REASON_OTHER;
      copy(&reason->val.other, words->ptr, words->len);
    }
  }
}

bool exports_evenhand_plugin_provider_method_generation_next(exports_evenhand_plugin_provider_borrow_generation_t self,
                                                             exports_evenhand_plugin_provider_option_list_event_t *ret,
                                                             error *err) {
  while (self->made.len == 0 && !self->answer.finished && !self->broken) {
    provider_world_option_list_u8_t bytes;
    if (!evenhand_plugin_http_method_body_read(evenhand_plugin_http_borrow_body(self->body), &bytes, err)) return false;
    if (!bytes.is_some) {
      return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_UPSTREAM, "acme's answer ended mid-stream", NULL);
    }
    acme_read(&self->answer, (const char *)bytes.val.ptr, bytes.val.len, tell, self);
    provider_world_list_u8_free(&bytes.val);
  }
  // What came before it reaches the client first.
  if (self->broken && self->made.len == 0) {
    return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_UPSTREAM, "an event of acme's answer says nothing", NULL);
  }
  ret->is_some = self->made.len > 0;
  ret->val.ptr = self->made.ptr;
  ret->val.len = self->made.len;
  self->made = (events){0};
  return true;
}

bool exports_evenhand_plugin_provider_check(error *err) { return true; }

bool exports_evenhand_plugin_provider_models(exports_evenhand_plugin_provider_list_model_info_t *ret, error *err) {
  ret->ptr = calloc(1, sizeof *ret->ptr);
  ret->len = 1;
  provider_world_string_dup(&ret->ptr->id, MODEL);
  return true;
}

bool exports_evenhand_plugin_provider_generate(exports_evenhand_plugin_provider_generate_request_t *request,
                                               exports_evenhand_plugin_provider_own_generation_t *ret, error *err) {
  text body = {0};
  evenhand_plugin_http_own_body_t answer;
  bool accepted = translate(request, &body, err) && ask(&body, &answer, err);
  free(body.ptr);
  if (!accepted) return false;
  exports_evenhand_plugin_provider_generation_t *self = calloc(1, sizeof *self);
  self->body = answer;
  event *started = add(&self->made, EVENHAND_PLUGIN_TYPES_EVENT_STARTED);
  started->val.started.model.is_some = true;
  copy(&started->val.started.model.val, (const char *)request->model.ptr, request->model.len);
  left_out(&self->made, request);
  add(&self->made, EVENHAND_PLUGIN_TYPES_EVENT_PART_STARTED)->val.part_started.kind.tag = EVENHAND_PLUGIN_TYPES_PART_KIND_TEXT;
  *ret = exports_evenhand_plugin_provider_generation_new(self);
  return true;
}

bool exports_evenhand_plugin_provider_embed(exports_evenhand_plugin_provider_embed_request_t *request,
                                            exports_evenhand_plugin_provider_embeddings_t *ret, error *err) {
  return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_UNSUPPORTED, "acme does not embed", NULL);
}

bool exports_evenhand_plugin_provider_count_tokens(exports_evenhand_plugin_provider_generate_request_t *request,
                                                   exports_evenhand_plugin_provider_token_count_t *ret, error *err) {
  return failed(err, EVENHAND_PLUGIN_TYPES_ERROR_CODE_UNSUPPORTED, "acme does not count tokens", NULL);
}
