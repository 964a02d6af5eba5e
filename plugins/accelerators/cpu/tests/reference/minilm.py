"""Reference values of tests/minilm.rs: BERT by its definition, in float64, with nothing but NumPy.

    pip install numpy safetensors && python minilm.py ~/.cache/evenhand/models
"""

import itertools
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

SENTENCES = [
    "The cat sits on the mat.",
    "A kitten is resting on a rug.",
    "The stock market fell sharply today.",
    "Shares lost much of their value this afternoon.",
]

folder = Path(sys.argv[1])
config = json.loads((folder / "all-minilm-l6-v2.config.json").read_text())
vocabulary = json.loads((folder / "all-minilm-l6-v2.tokenizer.json").read_text())["model"]["vocab"]
weights = {k: v.astype(np.float64) for k, v in load_file(folder / "all-minilm-l6-v2.safetensors").items() if v.dtype == np.float32}
heads = config["num_attention_heads"]
erf = np.vectorize(math.erf)


def tokens(text):
    """WordPiece for ASCII text without control characters."""
    ids = []
    for word in re.findall(r"[a-z0-9]+|[^a-z0-9\s]", text.lower()):
        start = 0
        while start < len(word):
            ends = range(len(word), start, -1)
            pieces = (("##" if start else "") + word[start:end] for end in ends)
            piece, end = next((p, e) for p, e in zip(pieces, ends) if p in vocabulary)
            ids.append(vocabulary[piece])
            start = end
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


def linear(x, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(x, name):
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + config["layer_norm_eps"])
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def embed(text):
    ids = tokens(text)
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        split = lambda part: linear(x, f"{layer}.attention.self.{part}").reshape(len(ids), heads, -1).swapaxes(0, 1)
        query, key, value = map(split, ["query", "key", "value"])
        scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1]))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ value
        mixed = mixed.swapaxes(0, 1).reshape(len(ids), -1)
        x = norm(x + linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean), len(ids)


vectors = [embed(text) for text in SENTENCES]
for (a, (va, na)), (b, (vb, nb)) in itertools.combinations(enumerate(vectors), 2):
    print(f"({a}, {b}, {va @ vb:.6f}),  // {na} and {nb} tokens")
print("first numbers of the first:", np.round(vectors[0][0][:4], 6).tolist())
