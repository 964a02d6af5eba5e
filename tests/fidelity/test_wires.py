"""The vendors' bytes are real: what each sends fits its own SDK's types."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from botocore.model import Shape
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from fidelity.wires import WIRES
from fidelity.words import Answer, Call, Text, Thought, Usage
from vendors.aws_shapes import model

SIGNATURE = base64.b64encode(b"signed").decode()
SAID = (Thought("Hm.", SIGNATURE), Text("Hello."), Call("call_1", "weather", '{"city": "Rome"}'))
ANSWERS = {
    "all": Answer(SAID, usage=Usage(20, 9, 4, 3, 2, 5)),
    "text": Answer((Text("Hello."),), finish="length"),
    "stopped": Answer((Text("Hello."),), finish="stop_sequence", stopped_by="END"),
}


def fits(shape: Shape, value: Any, path: str) -> None:
    """A value is of this shape of botocore's: no field that it lacks, all of their types."""
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            assert set(value) <= set(shape.members) and set(value) >= set(shape.required_members), f"{path}: {value}"
            for name, one in value.items():
                fits(shape.members[name], one, f"{path}.{name}")
        case "list":
            for one in value:
                fits(shape.member, one, path)
        case "string":
            assert isinstance(value, str) and (not shape.enum or value in shape.enum), f"{path}: {value!r}"
        case "integer" | "long":
            assert isinstance(value, int), f"{path}: {value!r}"
        case "blob":
            base64.b64decode(value, validate=True)


def converse(value: dict) -> None:
    fits(model().operation_model("Converse").output_shape, value, "")


def converse_event(value: dict) -> None:
    stream = model().operation_model("ConverseStream").output_shape.members["stream"]
    ((name, payload),) = value.items()
    fits(stream.members[name], payload, name)


def adapted(kind: Any) -> Callable[[dict], Any]:
    return TypeAdapter(kind).validate_python


# What checks a whole answer, and an event.
TYPES: dict[str, tuple[Callable[[dict], Any], Callable[[dict], Any]]] = {
    "openai": (adapted(ChatCompletion), adapted(ChatCompletionChunk)),
    "openai-responses": (adapted(Response), adapted(ResponseStreamEvent)),
    "anthropic": (adapted(Message), lambda event: event["type"] == "ping" or adapted(RawMessageStreamEvent)(event)),
    "bedrock": (converse, converse_event),
    "gemini": (adapted(GenerateContentResponse), adapted(GenerateContentResponse)),
}


@pytest.mark.parametrize("said", ANSWERS)
@pytest.mark.parametrize("vendor", WIRES)
def test_answers_fit_the_vendors_types(vendor: str, said: str) -> None:
    whole, event = TYPES[vendor]
    wire, answer = WIRES[vendor], ANSWERS[said]
    whole(wire.whole(answer))
    events = wire.objects(answer)
    assert len(events) > 1 or vendor == "gemini"
    for one in events:
        event(one)
