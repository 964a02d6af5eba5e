"""The component: what the contract's world `tool-world` exports. Its types are described in evenhand/wit/tool.wit."""

import json

from componentize_py_types import Err
from wit_world.exports import Tools as Contract
from wit_world.exports.tools import CallResult, ToolInfo
from wit_world.imports import config
from wit_world.imports.tool_types import ToolContent_Text
from wit_world.imports.types import Error, ErrorCode

from workdays import Calendar, Wrong, day

DATE = {"type": "string", "format": "date", "description": "Such as 2026-11-26."}


def between(calendar, arguments):
    first, last = day(arguments["first"], "first"), day(arguments["last"], "last")
    return {"working_days": calendar.between(first, last)}


def after(calendar, arguments):
    found = calendar.after(day(arguments["start"], "start"), arguments["days"])
    return {"date": found.isoformat()}


# Name: what computes it, what it does, its arguments, its result.
TOOLS = {
    "working_days": (
        between,
        "Counts the working days from one date to another, both included.",
        {"first": DATE, "last": DATE},
        {"working_days": {"type": "integer"}},
    ),
    "add_working_days": (
        after,
        "The date that is so many working days after another, or before it.",
        {"start": DATE, "days": {"type": "integer", "minimum": -50000, "maximum": 50000}},
        {"date": DATE},
    ),
}


def schema(properties):
    return json.dumps(
        {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    )


def failure(code, message):
    return Err(Error(code, message, None, None, None))


def calendar():
    """The operator's; a wrong one is told when the plugin is loaded."""
    try:
        return Calendar(**json.loads(config.get()))
    except (TypeError, Wrong) as wrong:
        raise failure(ErrorCode.INTERNAL, f"its `config`: {wrong}")


class Tools(Contract):
    def list_tools(self):
        calendar()
        return [
            ToolInfo(
                name=name,
                title=None,
                description=description,
                input_schema=schema(arguments),
                output_schema=schema(result),
                read_only=True,
                destructive=False,
                idempotent=True,
                open_world=False,
            )
            for name, (_, description, arguments, result) in TOOLS.items()
        ]

    def call_tool(self, id, name, arguments):
        if name not in TOOLS:
            raise failure(ErrorCode.NOT_FOUND, f"there is no tool {name!r}")
        try:
            found = json.dumps(TOOLS[name][0](calendar(), json.loads(arguments)))
        except Wrong as wrong:
            # The model reads it, and may try again.
            return CallResult([ToolContent_Text(str(wrong))], structured=None, is_error=True)
        return CallResult([ToolContent_Text(found)], structured=found, is_error=False)

    def cancel_tool(self, id, name):
        pass
