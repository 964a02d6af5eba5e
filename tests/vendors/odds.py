"""How likely tokens were, as OpenAI's APIs say it."""


def logprobs(tokens: list[str], wanted: int | None) -> dict | None:
    """Log probabilities that a test can foretell: minus an eighth of the token's length in bytes."""
    if wanted is None:
        return None

    def likely(token: str, rank: int = 0) -> dict:
        said = token.encode()
        return {"token": token, "bytes": list(said), "logprob": -len(said) / 8 - rank}

    said = [likely(token) | {"top_logprobs": [likely(token, rank) for rank in range(wanted)]} for token in tokens]
    return {"content": said, "refusal": None}
