"""The component: what the contract's world `provider-world` exports. Its types are described in evenhand/wit/provider.wit."""

import json

from componentize_py_types import Err
from wit_world.exports import Provider as Contract
from wit_world.exports import provider
from wit_world.imports import config, http
from wit_world.imports import types as t

import acme

# Most bytes of a refusal.
WHOLE = 64 * 1024


def failure(code, message, param=None, upstream=None):
    return Err(t.Error(code, message, param, None, upstream))


def base_url():
    settings = json.loads(config.get())
    url = settings.pop("base_url", "https://api.acme.example")
    if settings:
        raise failure(t.ErrorCode.INTERNAL, f"its `config`: there is no key {next(iter(settings))!r}")
    return url


def turns(messages):
    for message in messages:
        if not all(isinstance(part.content, t.Content_Text) for part in message.parts):
            raise acme.Wrong("messages", "acme reads text only")
        text = "".join(part.content.value.text for part in message.parts)
        yield message.role is t.Role.ASSISTANT, text


def left_out(request):
    """Fields that acme has no place for: nothing is dropped in silence."""
    if request.tools:
        raise acme.Wrong("tools", "acme has no tools")
    if not isinstance(request.output, t.OutputFormat_Text):
        raise acme.Wrong("output", "acme writes text only")
    if (request.sampling.choices or 1) > 1:
        raise acme.Wrong("sampling.choices", "acme gives one answer")
    sampling = vars(request.sampling)
    given = [f"sampling.{name}" for name, value in sampling.items() if value not in (None, [])]
    for name in (
        "tool_choice parallel_tool_calls reasoning verbosity service_tier user metadata".split()
    ):
        if getattr(request, name) not in (None, []):
            given.append(name)
    if any(kind != "text" for kind in request.modalities):
        given.append("modalities")
    for extension in request.extensions:
        given += json.loads(extension.fields)
    known = ("sampling.max_tokens", "sampling.choices")
    return [name.replace("_", "-") for name in given if name not in known]


def ask(request):
    """Acme's answer to a request, once it has accepted it."""
    data = acme.body(request.model, turns(request.messages), request.sampling.max_tokens)
    sent = http.Request(
        method="POST",
        url=f"{base_url()}/v1/answers",
        headers=[("content-type", "application/json")],
        payload=http.Payload_Bytes(data),
        credential="api_key",
    )
    response = http.send(sent)
    status = response.status()
    if status >= 300:
        text = response.body().read_all(WHOLE).decode(errors="replace")
        codes = {400: t.ErrorCode.BAD_REQUEST, 401: t.ErrorCode.UNAUTHORISED, 429: t.ErrorCode.RATE_LIMITED}
        code = codes.get(status, t.ErrorCode.UPSTREAM)
        raise failure(code, f"acme answered {status}", upstream=t.UpstreamError(status, text))
    return response.body()


class Generation(provider.Generation):
    def __init__(self, body, opening):
        self.body = body
        self.opening = opening
        self.answer = acme.Answer()

    def next(self):
        events, self.opening = self.opening, []
        while not events and not self.answer.finished:
            data = self.body.read()
            try:
                if data is None:
                    self.answer.end()
                for said in self.answer.read(data):
                    events += self.events(said)
            except acme.Broken as broken:
                raise failure(t.ErrorCode.UPSTREAM, str(broken))
        return events or None

    def events(self, said):
        if isinstance(said, str):
            return [t.Event_PartDelta(t.PartDelta(0, 0, t.Delta_Text(said)))]
        reasons = {"end": t.FinishReason_Stop(), "limit": t.FinishReason_Length()}
        reason = reasons.get(said["done"], t.FinishReason_Other(said["done"]))
        usage = t.Usage(said.get("in"), None, None, None, None, said.get("out"), None, None, None)
        return [
            t.Event_PartEnded(t.PartEnded(0, 0, None)),
            t.Event_Usage(usage),
            t.Event_Finished(t.Finished(0, reason)),
        ]


class Provider(Contract):
    def check(self):
        base_url()

    def models(self):
        return [t.ModelInfo("acme-1", None, None, [], None, None, None, None)]

    def generate(self, request):
        try:
            warnings = left_out(request)
            body = ask(request)
        except acme.Wrong as wrong:
            raise failure(t.ErrorCode.BAD_REQUEST, str(wrong), wrong.field)
        events = [t.Event_Started(t.Started(None, request.model, None))]
        for field in warnings:
            events.append(t.Event_Warning(t.Warning(field, "acme has no such setting")))
        events.append(t.Event_PartStarted(t.PartStarted(0, 0, t.PartKind_Text())))
        return Generation(body, events)

    def embed(self, request):
        raise failure(t.ErrorCode.UNSUPPORTED, "acme does not embed")

    def count_tokens(self, request):
        raise failure(t.ErrorCode.UNSUPPORTED, "acme does not count tokens")
