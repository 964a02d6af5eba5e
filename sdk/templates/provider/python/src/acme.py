"""Acme's requests and answers. Nothing here knows of the host: it is tested by itself."""

import json


class Wrong(Exception):
    """What is wrong with the request, and at which field."""

    def __init__(self, field, message):
        super().__init__(message)
        self.field = field


class Broken(Exception):
    """The vendor said what can't be understood."""


def body(model, turns, limit):
    """Acme's request. A turn is: is it the model's, and its text."""
    turns = [{"bot": bot, "text": text} for bot, text in turns]
    return json.dumps({"model": model, "turns": turns, "limit": limit}).encode()


class Answer:
    """Reads an answer's bytes as they come: texts, and at the end a dict with `done`."""

    def __init__(self):
        self.rest = b""
        self.finished = False

    def read(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield self.said(line[len(b"data:") :])

    def said(self, data):
        try:
            said = json.loads(data)
        except ValueError:
            raise Broken("an event of acme's answer is no JSON") from None
        if "done" in said:
            self.finished = True
            return said
        return said["text"]

    def end(self):
        if not self.finished:
            raise Broken("acme's answer ended mid-stream")
