# ruff: noqa: T201 - it speaks over stdout
"""A tiny MCP server over stdio, as a script; `mode` says how it misbehaves. It needs nothing but Python.

python mcp_server.py good | slow | rude | crash
"""

import json
import os
import sys
import time

TOOLS = [
    {
        "name": "add-up",
        "description": "Adds two numbers.",
        "inputSchema": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
    {"name": "fail", "description": "Fails.", "inputSchema": {"type": "object"}},
    {"name": "sleep", "description": "Sleeps.", "inputSchema": {"type": "object"}},
    {"name": "die", "description": "Dies.", "inputSchema": {"type": "object"}},
    {"name": "greet", "description": "Says what the environment says.", "inputSchema": {"type": "object"}},
]


def text(said: str, *, is_error: bool = False) -> dict[str, object]:
    """A result of one text."""
    return {"content": [{"type": "text", "text": said}], "isError": is_error}


def call(name: str, arguments: dict[str, float]) -> dict[str, object]:
    """Run a tool."""
    if name == "add-up":
        return text(str(arguments["a"] + arguments["b"]))
    if name == "greet":
        return text(os.environ.get("GREETING", ""))
    if name == "sleep":
        time.sleep(600)
    if name == "die":
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(7)
    return text("it failed", is_error=True)


def main(mode: str) -> None:
    """Answer requests, one a line."""
    if mode == "crash":
        sys.exit("no such folder")
    for line in sys.stdin:
        request = json.loads(line)
        if mode == "slow" or "id" not in request:
            continue
        method, asked = request["method"], request.get("params") or {}
        if method == "initialize":
            result: dict[str, object] = {
                "protocolVersion": asked["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "tiny", "version": "1"},
            }
        elif method == "tools/list":
            first = asked.get("cursor") is None  # on two pages
            result = {"tools": TOOLS[:2], "nextCursor": "2"} if first else {"tools": TOOLS[2:]}
        else:
            result = call(asked["name"], asked.get("arguments") or {})
        if mode == "rude":
            print("I am no JSON", flush=True)
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
