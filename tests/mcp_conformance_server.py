"""The server that MCP's conformance suite expects (`@modelcontextprotocol/conformance`, requirements of 2025-11-25), on the official SDK
over streamable HTTP: its named tools, resources and prompts. It stands behind the bridge `mcp`, so that the suite sees them through
Evenhand. Prints its address.

Beyond the suite: `touch` changes the watched resource, `wait` ends by cancellation alone, and `waiting` says how many do."""

import asyncio
import base64
import json
import socket
import struct
import sys
import warnings
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.context import ServerRequestContext as Context
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.shared.exceptions import MCPError

# Logging and sampling are deprecated in the version after the one that is tested.
warnings.simplefilter("ignore")

Blocks = list[types.ContentBlock]
Tool = Callable[[Context, dict], Awaitable[Blocks]]

TOOLS: dict[str, tuple[types.Tool, Tool]] = {}


def schema(properties: dict | None = None, **more: Any) -> dict:
    """A schema of an object with these properties, all required."""
    properties = properties or {}
    return {"type": "object", "properties": properties, "required": list(properties)} | more


def tool(description: str, properties: dict | None = None, input_schema: dict | None = None) -> Callable[[Tool], Tool]:
    """A tool, named like its function."""

    def add(function: Tool) -> Tool:
        info = types.Tool(name=function.__name__, description=description, input_schema=input_schema or schema(properties))
        TOOLS[function.__name__] = (info, function)
        return function

    return add


def png() -> str:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + pixel + chunk(b"IEND", b"")).decode()


def wav() -> str:
    """Eight samples of silence."""
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 44, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 8)
    return base64.b64encode(head + b"\x80" * 8).decode()


def text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


def image() -> types.ImageContent:
    return types.ImageContent(type="image", data=png(), mime_type="image/png")


def embedded(uri: str, kind: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(
        type="resource", resource=types.TextResourceContents(uri=uri, mime_type=kind, text=text)
    )


async def step() -> None:
    """The pause between two things that the suite wants to see apart."""
    await asyncio.sleep(0.05)


@tool("Returns a text.")
async def test_simple_text(_: Context, __: dict) -> Blocks:
    return [text("This is a simple text response for testing.")]


@tool("Returns an image.")
async def test_image_content(_: Context, __: dict) -> Blocks:
    return [image()]


@tool("Returns a sound.")
async def test_audio_content(_: Context, __: dict) -> Blocks:
    return [types.AudioContent(type="audio", data=wav(), mime_type="audio/wav")]


@tool("Returns a resource.")
async def test_embedded_resource(_: Context, __: dict) -> Blocks:
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@tool("Returns a text, an image and a resource.")
async def test_multiple_content_types(_: Context, __: dict) -> Blocks:
    data = json.dumps({"test": "data", "value": 123})
    return [
        text("Multiple content types test:"),
        image(),
        embedded("test://mixed-content-resource", "application/json", data),
    ]


@tool("Sends three log messages.")
async def test_tool_with_logging(context: Context, _: dict) -> Blocks:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message("info", said, "conformance", context.request_id)
        await step()
    return [text("Three messages were sent.")]


@tool("Fails.")
async def test_error_handling(_: Context, __: dict) -> Blocks:
    raise ValueError("This tool intentionally returns an error for testing")


@tool("Reports its progress.")
async def test_tool_with_progress(context: Context, _: dict) -> Blocks:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100)
        await step()
    return [text("It is done.")]


@tool("Asks the client's model.", {"prompt": {"type": "string", "description": "What to ask"}})
async def test_sampling(context: Context, given: dict) -> Blocks:
    question = types.SamplingMessage(role="user", content=text(given["prompt"]))
    answer = await context.session.create_message([question], max_tokens=100, related_request_id=context.request_id)
    said = answer.content.text if isinstance(answer.content, types.TextContent) else str(answer.content)
    return [text(f"LLM response: {said}")]


async def ask(context: Context, message: str, requested: dict) -> types.ElicitResult:
    return await context.session.elicit_form(message, requested, context.request_id)


USER = schema(
    {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
)


@tool("Asks the person.", {"message": {"type": "string", "description": "What to show"}})
async def test_elicitation(context: Context, given: dict) -> Blocks:
    answer = await ask(context, given["message"], USER)
    return [text(f"User response: action={answer.action}, content={json.dumps(answer.content)}")]


async def completed(context: Context, properties: dict) -> Blocks:
    answer = await ask(context, "Please fill in the form", schema(properties, required=[]))
    return [text(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}")]


@tool("Asks with default values.")
async def test_elicitation_sep1034_defaults(context: Context, _: dict) -> Blocks:
    properties = {
        "name": {"type": "string", "description": "Name", "default": "John Doe"},
        "age": {"type": "integer", "description": "Age", "default": 30},
        "score": {"type": "number", "description": "Score", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "description": "Verified", "default": True},
    }
    return await completed(context, properties)


@tool("Asks for choices of every kind.")
async def test_elicitation_sep1330_enums(context: Context, _: dict) -> Blocks:
    plain = ["option1", "option2", "option3"]
    titled = [{"const": f"value{n}", "title": f"{name} Option"} for n, name in enumerate(("First", "Second", "Third"), 1)]
    properties = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    return await completed(context, properties)


DRAFT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}


@tool("Has a schema with words of JSON Schema 2020-12.", input_schema=DRAFT)
async def json_schema_2020_12_tool(_: Context, given: dict) -> Blocks:
    return [text(json.dumps(given))]


@tool("Closes its stream before it answers: whoever asks must come again for the rest.")
async def test_reconnection(context: Context, _: dict) -> Blocks:
    if context.close_sse_stream:
        await context.close_sse_stream()
    await step()
    return [text("The answer came after the stream was closed.")]


WATCHED = {"changes": 0}
WAITING = {"now": 0}


@tool("Changes the watched resource.")
async def touch(_: Context, __: dict) -> Blocks:
    WATCHED["changes"] += 1
    return [text(f"Changed {WATCHED['changes']} times.")]


@tool("Waits until it is cancelled.")
async def wait(context: Context, _: dict) -> Blocks:
    WAITING["now"] += 1
    try:
        await context.session.report_progress(1)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")
    finally:
        WAITING["now"] -= 1


@tool("Says how many calls of `wait` there are.")
async def waiting(_: Context, __: dict) -> Blocks:
    return [text(str(WAITING["now"]))]


async def list_tools(_: Context, __: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[info for info, _ in TOOLS.values()])


async def call_tool(context: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
    if asked.name not in TOOLS:
        raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {asked.name}")
    try:
        return types.CallToolResult(content=await TOOLS[asked.name][1](context, asked.arguments or {}))
    except (ValueError, MCPError) as error:
        return types.CallToolResult(content=[text(str(error))], is_error=True)


RESOURCES = {
    "test://static-text": ("text/plain", "A text that stays as it is"),
    "test://static-binary": ("image/png", "An image that stays as it is"),
    "test://watched-resource": ("text/plain", "A text that changes"),
}
TEMPLATE = "test://template/{id}/data"


async def list_resources(_: Context, __: Any) -> types.ListResourcesResult:
    resources = [
        types.Resource(uri=uri, name=uri.removeprefix("test://"), description=description, mime_type=kind)
        for uri, (kind, description) in RESOURCES.items()
    ]
    return types.ListResourcesResult(resources=resources)


async def list_templates(_: Context, __: Any) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(
        uri_template=TEMPLATE, name="template", description="Data by id", mime_type="application/json"
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def read_resource(_: Context, asked: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    uri = str(asked.uri)
    before, after = TEMPLATE.split("{id}")
    kind, contents = "text/plain", None
    match uri:
        case "test://static-text":
            contents = "This is the content of the static text resource."
        case "test://watched-resource":
            contents = f"Changed {WATCHED['changes']} times."
        case "test://static-binary":
            blob = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=png())
            return types.ReadResourceResult(contents=[blob])
        case _ if uri.startswith(before) and uri.endswith(after):
            id = uri.removeprefix(before).removesuffix(after)
            kind = "application/json"
            contents = json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})
        case _:
            raise MCPError(-32002, f"Resource not found: {uri}", {"uri": uri})
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=contents)])


async def accept(_: Context, __: Any) -> types.EmptyResult:
    return types.EmptyResult()


PROMPTS = {
    "test_simple_prompt": ("A prompt without arguments", {}),
    "test_prompt_with_arguments": (
        "A prompt with two arguments",
        {"arg1": "First test argument", "arg2": "Second test argument"},
    ),
    "test_prompt_with_embedded_resource": ("A prompt with a resource", {"resourceUri": "URI of the resource to embed"}),
    "test_prompt_with_image": ("A prompt with an image", {}),
}


async def list_prompts(_: Context, __: Any) -> types.ListPromptsResult:
    prompts = [
        types.Prompt(
            name=name,
            description=description,
            arguments=[types.PromptArgument(name=it, description=what, required=True) for it, what in arguments.items()],
        )
        for name, (description, arguments) in PROMPTS.items()
    ]
    return types.ListPromptsResult(prompts=prompts)


async def get_prompt(_: Context, asked: types.GetPromptRequestParams) -> types.GetPromptResult:
    given = asked.arguments or {}
    missing = [name for name in PROMPTS.get(asked.name, ("", {}))[1] if name not in given]
    if asked.name not in PROMPTS or missing:
        raise MCPError(types.INVALID_PARAMS, f"Prompt {asked.name!r}: unknown, or without its arguments {missing}")
    content: Blocks
    match asked.name:
        case "test_simple_prompt":
            content = [text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            content = [text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
        case "test_prompt_with_embedded_resource":
            resource = embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing.")
            content = [resource, text("Please process the embedded resource above.")]
        case _:
            content = [image(), text("Please analyze the image above.")]
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=block) for block in content])


async def complete(_: Context, asked: types.CompleteRequestParams) -> types.CompleteResult:
    words = ["paris", "park", "party", "test", "testing"]
    values = [word for word in words if word.startswith(asked.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))


class Events(EventStore):
    """What streams sent, for clients that come again."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        seen = int(last_event_id)
        if not 1 <= seen <= len(self.events):
            return None
        stream = self.events[seen - 1][0]
        for number, (of, message) in enumerate(self.events[seen:], seen + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def main() -> None:
    server = Server(
        "conformance",
        version="1",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=accept,
        on_unsubscribe_resource=accept,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=accept,
    )
    app = server.streamable_http_app(event_store=Events(), retry_interval=100)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    quiet = uvicorn.Config(app, log_level="error", access_log=False)
    uvicorn.Server(quiet).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
