"""What Anthropic's API refuses of a messages or count_tokens request."""

import re

from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_create_params

from . import rules
from .rules import Broken
from .server import Refusal
from .shapes import Shape

# The version of the API that refuses sampling settings, even at their defaults, and citations in user messages
# (the vendor's page "Migrating to API version 2026-10-21"). The SDK sends it; its types know no such settings.
STRICTER = "2026-10-21"
VERSIONS = ("2023-01-01", "2023-06-01", STRICTER)
SAMPLING = {"temperature": float, "top_p": float, "top_k": int}
# Parameters of the SDK's methods that travel as headers.
IN_HEADERS = ("workspace_id", "user_profile_id")
STREAM = {"stream": bool}
MESSAGES = Shape(message_create_params.MessageCreateParamsNonStreaming, STREAM, ("stream", *IN_HEADERS))
OLDER_MESSAGES = Shape(
    message_create_params.MessageCreateParamsNonStreaming, SAMPLING | STREAM, ("stream", *IN_HEADERS)
)
# What a request takes that asks for beta features, and which feature a field belongs to.
BETA_MESSAGES = Shape(
    beta_create_params.MessageCreateParamsNonStreaming, SAMPLING | STREAM, ("stream", "betas", *IN_HEADERS)
)
BETAS = {
    "context_management": "context-management-2025-06-27",
    "mcp_servers": "mcp-client-2025-11-20",
    "thread": "message-threads-2026-08-12",
}
COUNT = Shape(message_count_tokens_params.MessageCountTokensParams, without=IN_HEADERS)

RANGES = {"max_tokens": (0, None), "temperature": (0, 1), "top_p": (0, 1), "top_k": (0, None)}
MOST_CACHE_MARKS = 4
LEAST_BUDGET = 1024
# Keywords that structured outputs don't take.
UNSUPPORTED = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
)
THINKING = ("thinking", "redacted_thinking")
# A tool that the vendor runs itself; the mock models never do.
SEARCH = "web_search_20250305"


def bad(message: str) -> Refusal:
    """The vendor's 400."""
    return Refusal(400, "invalid_request_error", message)


def shape(checked: Shape, body: dict) -> None:
    """Fields that don't exist, are missing or of the wrong type; numbers out of range."""
    if fault := checked.fault(body):
        path, _, message = fault
        raise bad(f"{'.'.join(map(str, path))}: {message}")
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        if value is not None and (value < low or (high is not None and value > high)):
            raise bad(
                f"{name}: Input should be {f'between {low} and {high}' if high else f'greater than or equal to {low}'}"
            )


def count(body: dict, version: str) -> None:
    """Refuses a count_tokens request that this version of the API refuses."""
    shape(COUNT, body)
    _common(body, version)


def messages(body: dict, version: str, betas: list[str]) -> None:
    """Refuses a messages request that this version of the API refuses; `betas` are the features that its header asks for."""
    if betas:
        shape(BETA_MESSAGES, body)
        for name in (name for name, beta in BETAS.items() if body.get(name) is not None and beta not in betas):
            raise bad(f"{name}: Extra inputs are not permitted")
    else:
        shape(MESSAGES if version == STRICTER else OLDER_MESSAGES, body)
    if body.get("thread") is not None:
        said = "thread: this model does not support threads"
        raise Refusal(400, "invalid_request_error", said, code="thread_unsupported_request")
    for sequence in body.get("stop_sequences", []):
        if not sequence.strip():
            raise bad("stop_sequences: each stop sequence must contain non-whitespace")
    if len((body.get("metadata") or {}).get("user_id") or "") > 256:
        raise bad("metadata.user_id: String should have at most 256 characters")
    _common(body, version)
    _thinking(body)


def _common(body: dict, version: str) -> None:
    marks = _cache_marks(body)
    if marks > MOST_CACHE_MARKS:
        raise bad(f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}.")
    for at, block in enumerate(blocks(body.get("system", []))):
        if not block["text"]:
            raise bad(f"system.{at}: text content blocks must be non-empty")
    _tools(body)
    _format(body)
    _conversation(body["messages"])
    if version == STRICTER:
        _no_citations_from_users(body["messages"])


def _no_citations_from_users(messages: list[dict]) -> None:
    for at, message in enumerate(messages):
        said = blocks(message["content"]) if message["role"] == "user" else []
        for block in [
            *said,
            *(inner for outer in said if outer["type"] == "search_result" for inner in outer["content"]),
        ]:
            if block["type"] == "text" and block.get("citations"):
                raise bad(f"messages.{at}: `citations` are not allowed on `text` blocks in `user` messages")


def _cache_marks(value: object) -> int:
    if isinstance(value, dict):
        own = 1 if isinstance(value.get("cache_control"), dict) else 0
        return own + sum(_cache_marks(inner) for key, inner in value.items() if key not in ("input", "input_schema"))
    return sum(_cache_marks(inner) for inner in value) if isinstance(value, list) else 0


def _tools(body: dict) -> None:
    tools = body.get("tools")
    choice = body.get("tool_choice")
    if choice and not tools:
        raise bad("tool_choice: tool_choice may only be specified while providing tools.")
    names = []
    for at, tool in enumerate(tools or []):
        if tool.get("type") == SEARCH:
            names.append(tool["name"])
            continue
        if tool.get("type") not in (None, "custom"):
            raise bad(f"tools.{at}: this model has no tool of type {tool['type']!r}")
        if not rules.TOOL_NAME.fullmatch(tool["name"]):
            raise bad(f"tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if tool["name"] in names:
            raise bad("tools: Tool names must be unique.")
        names.append(tool["name"])
        schema = tool["input_schema"]
        try:
            if schema.get("type") != "object":
                raise Broken("type: Input should be 'object'" if "type" in schema else "type: Field required")
            rules.check_schema(schema)
            if tool.get("strict"):
                rules.check_closed(schema, all_required=False)
        except Broken as broken:
            raise bad(f"tools.{at}.custom.input_schema: {broken}") from broken
    if choice and choice["type"] == "tool" and choice["name"] not in names:
        raise bad(f"Tool '{choice['name']}' not found in provided tools")


def _format(body: dict) -> None:
    wanted = (body.get("output_config") or {}).get("format")
    if not wanted:
        return
    schema = wanted["schema"]
    try:
        rules.check_schema(schema)
        rules.check_closed(schema, all_required=False)
        _supported(schema)
    except Broken as broken:
        raise bad(f"output_config.format.schema: {broken}") from broken
    if body["messages"][-1:] and body["messages"][-1]["role"] == "assistant":
        raise bad("output_config.format: Prefilling is not supported with output formats.")


def _supported(schema: object) -> None:
    if isinstance(schema, dict):
        used = [word for word in UNSUPPORTED if word in schema and "type" in schema]
        if used:
            raise Broken(f"For '{schema['type']}' type, properties {', '.join(used)} are not supported")
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []:
        _supported(inner)


def blocks(content: str | list) -> list[dict]:
    """Content in its long form."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _conversation(messages: list[dict]) -> None:
    if not messages:
        raise bad("messages: at least one message is required")
    if messages[0]["role"] != "user":
        raise bad('messages: first message must use the "user" role')
    seen: set[str] = set()
    waiting: list[str] = []
    for at, message in enumerate(messages):
        content = blocks(message["content"])
        last = at == len(messages) - 1
        if not message["content"] and not (last and message["role"] == "assistant"):
            raise bad(
                f"messages.{at}: all messages must have non-empty content except for the optional final assistant message"
            )
        _results(message["role"], content, at, waiting)
        for index, block in enumerate(content):
            _block(message["role"], block, f"messages.{at}.content.{index}")
        waiting = [block["id"] for block in content if block["type"] == "tool_use"]
        for id in waiting:
            if id in seen:
                raise bad(f"messages.{at}: `tool_use` ids must be unique")
            seen.add(id)
    if waiting:
        raise bad(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(waiting)}."
        )
    end = content[-1] if content else {}
    if messages[-1]["role"] == "assistant" and end.get("type") == "text" and end["text"] != end["text"].rstrip():
        raise bad("messages: final assistant content cannot end with trailing whitespace")


def _results(role: str, content: list[dict], at: int, waiting: list[str]) -> None:
    """Results follow their calls at once, all of them, before anything else."""
    given = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
    strangers = [id for id in given if id not in waiting]
    if strangers or len(set(given)) != len(given):
        raise bad(
            f"messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(strangers or given)}. Each "
            "`tool_result` block must have a corresponding `tool_use` block in the previous message."
        )
    first = [block["tool_use_id"] for block in content[: len(given)] if block["type"] == "tool_result"]
    missing = [id for id in waiting if role != "user" or id not in first]
    if missing:
        raise bad(
            f"messages.{at - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. Each "
            "`tool_use` block must have a corresponding `tool_result` block in the next message."
        )


ROLE_BLOCKS = {
    "user": ("text", "image", "document", "search_result", "tool_result"),
    "assistant": ("text", "tool_use", *THINKING),
    "system": ("text",),
}


def _block(role: str, block: dict, where: str) -> None:
    if block["type"] not in ROLE_BLOCKS[role]:
        raise bad(f"{where}: `{block['type']}` blocks are not allowed in `{role}` messages")
    match block["type"]:
        case "text" if not block["text"]:
            raise bad(f"{where.replace('.content.', ': content.')}: text content blocks must be non-empty")
        case "text" if not block["text"].strip():
            raise bad(f"{where}: text content blocks must contain non-whitespace text")
        case "tool_use":
            if not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
                raise bad(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
            if not rules.TOOL_NAME.fullmatch(block["name"]):
                raise bad(f"{where}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
            if not isinstance(block["input"], dict):
                raise bad(f"{where}.tool_use.input: Input should be a valid dictionary")
        case "tool_result":
            for index, inner in enumerate(blocks(block.get("content") or [])):
                if inner["type"] == "image":
                    image(inner["source"], f"{where}.tool_result.content.{index}")
        case "image":
            image(block["source"], where)


def image(source: dict, where: str) -> tuple[str | None, bytes]:
    """Media type and bytes of an image: those of the data, or the URL itself."""
    if source["type"] != "base64":
        location = source.get("url", source.get("file_id", ""))
        if source["type"] == "url" and not location.startswith("https://"):
            raise bad(f"{where}.image.source.url: Only HTTPS URLs are supported.")
        return None, location.encode()
    try:
        return source["media_type"], rules.image_bytes(source["media_type"], source["data"])
    except Broken as broken:
        raise bad(f"{where}.image.source.base64: {broken}") from broken


def _thinking(body: dict) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] == "disabled":
        return
    if body.get("temperature", 1) != 1 or "top_k" in body or body.get("top_p", 1) < 0.95:
        raise bad(
            "`temperature` may only be set to 1, `top_p` to 0.95 or more and `top_k` not at all when thinking is enabled."
        )
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise bad("Thinking may not be enabled when tool_choice forces tool use.")
    if thinking["type"] != "enabled":
        return
    if thinking["budget_tokens"] < LEAST_BUDGET:
        raise bad(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}")
    if thinking["budget_tokens"] >= body["max_tokens"]:
        raise bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
    at, final = next(
        ((i, m) for i, m in reversed(list(enumerate(body["messages"]))) if m["role"] == "assistant"), (0, None)
    )
    content = blocks(final["content"]) if final else []
    kinds = [block["type"] for block in content]
    if "tool_use" in kinds and kinds[0] not in THINKING:
        raise bad(
            f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`. When `thinking` "
            "is enabled, a final `assistant` message must start with a thinking block."
        )
