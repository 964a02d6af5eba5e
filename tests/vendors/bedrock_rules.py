"""What Amazon Bedrock refuses of a Converse, CountTokens or InvokeModel request beyond its shape: the rules of the API
reference, and of the errors that the service answers with."""

import json
import re

from . import rules
from .anthropic_rules import UNSUPPORTED
from .aws_shapes import bad, shape
from .rules import Broken

MOST_CACHE_POINTS = 4
LEAST_BUDGET = 1024
# Fields of Claude's own body that Converse hands on, and the beta features that it knows (the vendor's user guide).
CLAUDE_FIELDS = {
    "thinking": dict,
    "top_k": int,
    "anthropic_beta": list,
    "tool_choice": dict,
    "tools": list,
    "context_management": dict,
}
CLAUDE_BETAS = (
    "interleaved-thinking-2025-05-14",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "effort-2025-11-24",
    "token-efficient-tools-2025-02-19",
    "computer-use-2025-01-24",
)
EFFORTS = ("low", "medium", "high", "xhigh", "max")
DOCUMENT_NAME = re.compile(r"(?:[a-zA-Z0-9()\[\]-]|\s(?!\s))+")


def converse(operation: str, model_id: str, body: dict) -> None:
    """Refuses a request that Converse or ConverseStream refuses."""
    shape(operation, {"modelId": model_id} | body)
    conversation(body)
    for at, text in enumerate((body.get("inferenceConfig") or {}).get("stopSequences", [])):
        if not text.strip():
            raise bad(f"stop_sequences.{at}: each stop sequence must contain non-whitespace")
    _format(body)
    _claude(body)


def count(model_id: str, body: dict) -> dict:
    """Refuses a request that CountTokens refuses; what is to be counted."""
    shape("CountTokens", {"modelId": model_id} | body)
    if "converse" not in body["input"]:
        raise bad("The mock counts the input of Converse only.")
    conversation(body["input"]["converse"])
    return body["input"]["converse"]


def conversation(body: dict) -> None:
    """What Converse and CountTokens have in common."""
    for at, block in enumerate(body.get("system", [])):
        if not block.get("text", "x").strip():
            raise bad(
                f"The text field in the SystemContentBlock object at system.{at} is blank. Add text to the text field, and try again."
            )
        if at == 0 and "cachePoint" in block:
            raise bad("cachePoint cannot be the first element of system.")
    points = json.dumps(body).count('"cachePoint"')
    if points > MOST_CACHE_POINTS:
        raise bad(
            f"The model returned the following errors: A maximum of {MOST_CACHE_POINTS} blocks with cache_control may be provided. Found {points}."
        )
    _tools(body)
    _messages(body)


def _tools(body: dict) -> None:
    config = body.get("toolConfig")
    if config is None:
        return
    names = []
    for at, tool in enumerate(config["tools"]):
        if at == 0 and "cachePoint" in tool:
            raise bad("cachePoint cannot be the first element of tools.")
        if "systemTool" in tool:
            raise bad(f"This model does not support the system tool {tool['systemTool']['name']}.")
        spec = tool.get("toolSpec")
        if spec is None:
            continue
        if spec["name"] in names:
            raise bad(f"The tool {spec['name']} is already defined at toolConfig.tools.{names.index(spec['name'])}.")
        names.append(spec["name"])
        schema = spec["inputSchema"]["json"]
        try:
            if not isinstance(schema, dict) or schema.get("type") != "object":
                raise Broken("the value at type must be object")
            rules.check_schema(schema)
            if spec.get("strict"):
                rules.check_closed(schema, all_required=False)
        except Broken as broken:
            raise bad(f"The value at toolConfig.tools.{at}.toolSpec.inputSchema.json is invalid: {broken}") from broken
    chosen = (config.get("toolChoice") or {}).get("tool")
    if chosen and chosen["name"] not in names:
        raise bad(f"The tool {chosen['name']} in toolChoice is not found in toolConfig.tools.")


def _messages(body: dict) -> None:
    messages = body.get("messages", [])
    if not messages or messages[0]["role"] != "user":
        raise bad(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
    waiting: list[str] = []
    titles: list[str] = []
    before = None
    for at, message in enumerate(messages):
        where = f"messages.{at}"
        if message["role"] == "system":
            raise bad("This model does not support system messages within the conversation.")
        if message["role"] == before:
            raise bad(
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates and try again."
            )
        before = message["role"]
        if not message["content"]:
            raise bad(
                f"The content field in the Message object at {where} is empty. Add a ContentBlock object to the content field and try again."
            )
        _results(message, where, waiting)
        for index, block in enumerate(message["content"]):
            _block(message["role"], block, f"{where}.content.{index}", titles)
        kinds = [kind for block in message["content"] for kind in block]
        if kinds[0] == "cachePoint":
            raise bad(f"cachePoint cannot be the first element of {where}.content.")
        if "document" in kinds and "text" not in kinds:
            raise bad(f"A text block must be included with the document at {where}.content.")
        if ("toolUse" in kinds or "toolResult" in kinds) and "toolConfig" not in body:
            raise bad("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        waiting = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        if len(set(waiting)) != len(waiting):
            raise bad(f"The toolUse blocks at {where}.content contain duplicate Ids.")
    if waiting:
        raise bad(
            f"Expected toolResult blocks at messages.{len(messages)}.content for the following Ids: {', '.join(waiting)}"
        )
    end = messages[-1]
    if (
        end["role"] == "assistant"
        and "text" in end["content"][-1]
        and end["content"][-1]["text"] != end["content"][-1]["text"].rstrip()
    ):
        raise bad(
            "The model returned the following errors: messages: final assistant content cannot end with trailing whitespace"
        )


def _results(message: dict, where: str, waiting: list[str]) -> None:
    given = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
    if [id for id in given if id not in waiting] or len(set(given)) != len(given):
        raise bad(
            f"The number of toolResult blocks at {where}.content exceeds the number of toolUse blocks of previous turn."
        )
    if missing := [id for id in waiting if id not in given]:
        raise bad(f"Expected toolResult blocks at {where}.content for the following Ids: {', '.join(missing)}")
    others = [block for block in message["content"] if "cachePoint" not in block]
    if any("toolResult" not in block for block in others[: len(given)]):
        raise bad(
            f"The model returned the following errors: {where}: `tool_result` blocks must come before anything else"
        )


ROLE_BLOCKS = {
    "user": ("text", "image", "document", "searchResult", "toolResult", "cachePoint", "guardContent"),
    "assistant": ("text", "toolUse", "reasoningContent", "cachePoint", "citationsContent"),
}


def _block(role: str, block: dict, where: str, titles: list[str]) -> None:
    ((kind, said),) = block.items()
    if kind not in ROLE_BLOCKS[role]:
        raise bad(f"The {kind} block at {where} is not supported in messages of the role {role}.")
    match kind:
        case "text" if not said.strip():
            raise bad(
                f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try again."
            )
        case "toolUse" if not isinstance(said["input"], dict):
            raise bad(
                f"The format of the value at {where}.toolUse.input is invalid. Provide a json object for the field and try again."
            )
        case "image":
            image(said, where)
        case "document":
            _document(said, where, titles)
        case "toolResult":
            for index, piece in enumerate(said["content"]):
                inner = f"{where}.toolResult.content.{index}"
                if not piece.get("text", "x").strip():
                    raise bad(
                        f"The text field in the ContentBlock object at {inner} is blank. Add text to the text field, and try again."
                    )
                if "image" in piece:
                    image(piece["image"], inner)
                if "document" in piece:
                    _document(piece["document"], inner, titles)


def _document(document: dict, where: str, titles: list[str]) -> None:
    if not DOCUMENT_NAME.fullmatch(document["name"]):
        raise bad(
            f"The document file name at {where} can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets."
        )
    if document["name"].lower() in titles:
        raise bad("Messages can't contain duplicate document names. Rename the document and retry your request.")
    titles.append(document["name"].lower())


def image(block: dict, where: str) -> tuple[str | None, bytes]:
    """Media type and bytes of an image: those of the data, or the place in S3."""
    if "s3Location" in block["source"]:
        return None, block["source"]["s3Location"]["uri"].encode()
    kind = f"image/{block['format']}"
    try:
        return kind, rules.image_bytes(kind, block["source"]["bytes"])
    except Broken as broken:
        raise bad(f"The image at {where} could not be processed: {broken}") from broken


def _format(body: dict) -> None:
    config = body.get("outputConfig") or {}
    if "effort" in config and config["effort"] not in EFFORTS:
        raise bad(f"outputConfig.effort must be one of {', '.join(EFFORTS)}")
    if "textFormat" not in config:
        return
    try:
        schema = json.loads(config["textFormat"]["structure"]["jsonSchema"]["schema"])
        rules.check_schema(schema)
        rules.check_closed(schema, all_required=False)
        _supported(schema)
    except (ValueError, Broken) as broken:
        raise bad(f"The value at outputConfig.textFormat.structure.jsonSchema.schema is invalid: {broken}") from broken


def _supported(schema: object) -> None:
    if isinstance(schema, dict) and "type" in schema and (used := [word for word in UNSUPPORTED if word in schema]):
        raise Broken(f"For '{schema['type']}' type, properties {', '.join(used)} are not supported")
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []:
        _supported(inner)


def _claude(body: dict) -> None:
    """The mock models are Claude's, and take the fields of Claude's that Converse has no place for."""
    extra = body.get("additionalModelRequestFields", {})
    if not isinstance(extra, dict):
        raise bad("additionalModelRequestFields must be a JSON object")
    for name, value in extra.items():
        if name not in CLAUDE_FIELDS:
            raise bad(f"The model returned the following errors: {name}: Extra inputs are not permitted")
        if type(value) is not CLAUDE_FIELDS[name]:
            raise bad(
                f"The model returned the following errors: {name}: Input should be a valid {CLAUDE_FIELDS[name].__name__}"
            )
    if unknown := [beta for beta in extra.get("anthropic_beta", []) if beta not in CLAUDE_BETAS]:
        raise bad(f"The model returned the following errors: invalid beta flag: {unknown[0]}")
    if "tool_choice" in extra and "toolChoice" in body.get("toolConfig", {}):
        raise bad("The additional field tool_choice conflicts with an existing field.")
    _thinking(body, extra)


def _thinking(body: dict, extra: dict) -> None:
    thinking = extra.get("thinking", {"type": "disabled"})
    if thinking.get("type") not in ("disabled", "enabled", "adaptive"):
        raise bad(
            "The model returned the following errors: thinking.type: Input should be 'disabled', 'enabled' or 'adaptive'"
        )
    if thinking["type"] == "disabled":
        return
    inference = body.get("inferenceConfig", {})
    if inference.get("temperature", 1) != 1 or "top_k" in extra or inference.get("topP", 1) < 0.95:
        raise bad(
            "The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled."
        )
    forced = {"any", "tool"} & set(body.get("toolConfig", {}).get("toolChoice", {}))
    if forced or extra.get("tool_choice", {}).get("type") in ("any", "tool"):
        raise bad(
            "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use."
        )
    if thinking["type"] != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < LEAST_BUDGET:
        raise bad(
            f"The model returned the following errors: thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
        )
    if budget >= inference.get("maxTokens", budget + 1):
        raise bad(
            "The model returned the following errors: `max_tokens` must be greater than `thinking.budget_tokens`."
        )
    final = next((m["content"] for m in reversed(body["messages"]) if m["role"] == "assistant"), [])
    if any("toolUse" in block for block in final) and "reasoningContent" not in final[0]:
        raise bad(
            "The model returned the following errors: When `thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def titan(body: dict, dimensions: tuple[int, ...]) -> None:
    """Refuses what Titan's text embeddings refuse. InvokeModel's bodies are in no description; these are the user guide's."""
    _fields(body, {"inputText": str, "dimensions": int, "normalize": bool, "embeddingTypes": list}, ("inputText",))
    if not body["inputText"]:
        raise bad(
            "Malformed input request: expected minLength: 1, actual: 0, please reformat your input and try again."
        )
    if body.get("dimensions", dimensions[0]) not in dimensions:
        raise bad(
            f"Malformed input request: #/dimensions: not one of {dimensions}, please reformat your input and try again."
        )


def cohere(body: dict) -> None:
    """Refuses what Cohere's embeddings refuse."""
    fields = {"texts": list, "input_type": str, "truncate": str, "embedding_types": list}
    _fields(body, fields, ("texts", "input_type"))
    if not 1 <= len(body["texts"]) <= 96 or not all(isinstance(text, str) and text for text in body["texts"]):
        raise bad("Malformed input request: #/texts: expected 1 to 96 texts, please reformat your input and try again.")
    if body["input_type"] not in ("search_document", "search_query", "classification", "clustering"):
        raise bad(
            "Malformed input request: #/input_type: not a valid enum value, please reformat your input and try again."
        )


def _fields(body: dict, known: dict[str, type], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in body:
            raise bad(
                f"Malformed input request: #: required key [{name}] not found, please reformat your input and try again."
            )
    for name, value in body.items():
        if name not in known:
            raise bad(
                f"Malformed input request: #: extraneous key [{name}] is not permitted, please reformat your input and try again."
            )
        if type(value) is not known[name]:
            raise bad(
                f"Malformed input request: #/{name}: expected type: {known[name].__name__}, please reformat your input and try again."
            )
