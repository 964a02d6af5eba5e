"""The component: what the contract's world `tool-world` exports. Its types are described in evenhand/wit/tool.wit."""

import json

from componentize_py_types import Err
from wit_world.exports import Tools as Contract
from wit_world.exports.tools import CallResult, ToolInfo
from wit_world.imports.tool_types import ToolContent_Text
from wit_world.imports.types import Error, ErrorCode

from count import Wrong, count


def schema(**properties):
    return json.dumps(
        {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    )


NUMBER = {"type": "integer"}
COUNT = ToolInfo(
    name="count",
    title=None,
    description="Counts the characters, words and lines of a text.",
    input_schema=schema(text={"type": "string", "description": "The text to count."}),
    output_schema=schema(characters=NUMBER, words=NUMBER, lines=NUMBER),
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)


class Tools(Contract):
    def list_tools(self):
        return [COUNT]

    def call_tool(self, id, name, arguments):
        if name != COUNT.name:
            raise Err(Error(ErrorCode.NOT_FOUND, f"there is no tool {name!r}", None, None, None))
        try:
            counted = json.dumps(count(json.loads(arguments)["text"]))
        except Wrong as wrong:
            # The model reads it, and may try again.
            return CallResult([ToolContent_Text(str(wrong))], structured=None, is_error=True)
        return CallResult([ToolContent_Text(counted)], structured=counted, is_error=False)

    def cancel_tool(self, id, name):
        pass
