"""A server of the Model Context Protocol over standard input and output, with one tool, whose name is the only argument: it adds two
numbers."""

import json
import sys

NUMBERS = {"a": {"type": "integer"}, "b": {"type": "integer"}}


def answer(method: str, params: dict) -> dict:
    match method:
        case "initialize":
            me = {"name": "sums", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": me}
        case "tools/list":
            schema = {"type": "object", "properties": NUMBERS, "required": list(NUMBERS), "additionalProperties": False}
            return {"tools": [{"name": sys.argv[1], "description": "Adds two numbers.", "inputSchema": schema}]}
        case "tools/call":
            given = params["arguments"]
            return {"content": [{"type": "text", "text": f"The sum is {given['a'] + given['b']}."}], "isError": False}
        case _:
            return {}


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked and "method" in asked:
        result = answer(asked["method"], asked.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
