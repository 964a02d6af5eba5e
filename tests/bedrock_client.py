"""boto3 behind the face of clients.py, so that the cases run through it too. It talks to the mock vendor itself: Converse is no
client dialect."""

import json
from typing import Any

import boto3
import botocore.exceptions
from botocore.config import Config

from clients import Answer, Call

FINISH = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


def sdk(url: str, key: str, service: str = "bedrock-runtime") -> Any:
    """A client of the service, with these credentials and no others."""
    id, secret, *token = key.split(":", 2)
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        aws_session_token=token[0] if token else None,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
    )


class BedrockClient:
    """AWS' SDK."""

    dialect = "bedrock"
    errors = botocore.exceptions

    def __init__(self, url: str, key: str):
        self.sdk = sdk(url, key)

    def user(self, text: str, image: bytes | None = None) -> dict:
        """A message; an image is bytes of a PNG."""
        content: list[dict] = [{"text": text}]
        if image is not None:
            content.append({"image": {"format": "png", "source": {"bytes": image}}})
        return {"role": "user", "content": content}

    def results(self, results: list[tuple[str, str]]) -> list[dict]:
        """The message with the results of tool calls, by id."""
        content = [{"toolResult": {"toolUseId": id, "content": [{"text": text}]}} for id, text in results]
        return [{"role": "user", "content": content}]

    def ask(
        self,
        model: str,
        turns: list[dict],
        *,
        stream: bool = False,
        system: str | None = None,
        tools: list[dict] | None = None,
        schema: dict | None = None,
        stop: list[str] | None = None,
        max_tokens: int | None = None,
        parallel: bool | None = None,
        **more: Any,
    ) -> Answer:
        """Asks. `tools` have name, description, schema."""
        given: dict[str, Any] = {"modelId": model, "messages": _merged(turns)} | more
        inference: dict[str, Any] = {}
        if system is not None:
            given["system"] = [{"text": system}]
        if tools:
            specs = [
                {"name": t["name"], "description": t["description"], "inputSchema": {"json": t["schema"]}}
                for t in tools
            ]
            given["toolConfig"] = {"tools": [{"toolSpec": spec} for spec in specs]}
        if schema:
            definition = {"name": "answer", "schema": json.dumps(schema)}
            given["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}
        if stop:
            inference["stopSequences"] = stop
            given["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
        if max_tokens is not None:
            inference["maxTokens"] = max_tokens
        if inference:
            given["inferenceConfig"] = inference
        if parallel is False:
            choice = {"type": "auto", "disable_parallel_tool_use": True}
            given["additionalModelRequestFields"] = {"tool_choice": choice}
        if not stream:
            got = self.sdk.converse(**given)
            return self._answer(got, got["output"]["message"], got, model)
        return self._streamed(self.sdk.converse_stream(**given), model)

    def _streamed(self, got: dict, model: str) -> Answer:
        """Puts the events together, and checks their order."""
        blocks: list[dict] = []
        done: set[int] = set()
        stopped, account, pieces, role = None, None, 0, None
        for event in got["stream"]:
            ((kind, said),) = event.items()
            assert account is None, "an event after the account"
            match kind:
                case "messageStart":
                    assert role is None and not blocks
                    role = said["role"]
                case "contentBlockStart":
                    assert said["contentBlockIndex"] == len(blocks)
                    ((_, start),) = said["start"].items()
                    blocks.append({"toolUse": start | {"input": ""}})
                case "contentBlockDelta":
                    index = said["contentBlockIndex"]
                    assert role and stopped is None and index not in done and index <= len(blocks)
                    if index == len(blocks):
                        blocks.append({})
                    pieces += "text" in said["delta"]
                    _grow(blocks[index], said["delta"])
                case "contentBlockStop":
                    done.add(said["contentBlockIndex"])
                case "messageStop":
                    assert done == set(range(len(blocks))) and stopped is None
                    stopped = said
                case "metadata":
                    assert stopped
                    account = said
        assert account, "no account: the stream ended early"
        for block in blocks:
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
        return self._answer(got, {"role": role, "content": blocks}, stopped | account, model, pieces)

    def _answer(self, got: dict, message: dict, end: dict, model: str, pieces: int = 1) -> Answer:
        assert message["role"] == "assistant"
        text = "".join(block.get("text", "") for block in message["content"])
        uses = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        used = end["usage"]
        input = used["inputTokens"] + used["cacheReadInputTokens"] + used["cacheWriteInputTokens"]
        assert used["totalTokens"] == input + used["outputTokens"]
        assert sum(part["inputTokens"] for part in used.get("cacheDetails", [])) == used["cacheWriteInputTokens"]
        return Answer(
            text,
            [Call(use["toolUseId"], use["name"], use["input"]) for use in uses],
            FINISH.get(end["stopReason"], end["stopReason"]),
            input,
            used["cacheReadInputTokens"],
            used["outputTokens"],
            message,
            pieces,
            end.get("additionalModelResponseFields", {}).get("stop_sequence"),
            model,
            got["ResponseMetadata"]["RequestId"],
        )


def _merged(turns: list[dict]) -> list[dict]:
    """Turns that alternate, with content in its long form."""
    merged: list[dict] = []
    for turn in turns:
        content = [{"text": turn["content"]}] if isinstance(turn["content"], str) else turn["content"]
        if merged and merged[-1]["role"] == turn["role"]:
            merged[-1]["content"] += content
        else:
            merged.append({"role": turn["role"], "content": list(content)})
    return merged


def _grow(block: dict, delta: dict) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "redactedContent" in delta["reasoningContent"]:
        thought = block.setdefault("reasoningContent", {})
        thought["redactedContent"] = thought.get("redactedContent", b"") + delta["reasoningContent"]["redactedContent"]
    else:
        shown = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
        for name, more in delta["reasoningContent"].items():
            shown[name] = shown.get(name, "") + more
