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


def is_count(value):
    """A number of tokens, or none."""
    return value is None or (type(value) is int and 0 <= value < 2**64)


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
        # Whatever a vendor says, a call ends with an answer or an error that names it.
        if not isinstance(said, dict):
            raise Broken("an event of acme's answer is no object")
        if "done" in said:
            self.finished = True
            tokens = (said.get("in"), said.get("out"))
            if not isinstance(said["done"], str) or not all(map(is_count, tokens)):
                raise Broken("the end of acme's answer is not what it should be")
            return said
        if not isinstance(said.get("text"), str):
            raise Broken("an event of acme's answer has no text")
        return said["text"]

    def end(self):
        if not self.finished:
            raise Broken("acme's answer ended mid-stream")
