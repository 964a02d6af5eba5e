"""Reference values for test_local.py: cosine similarities by all-MiniLM-L6-v2, computed in float64 with NumPy.

    pip install numpy==2.4.6 safetensors==0.8.0 tokenizers==0.23.3
    python tests/reference/minilm.py > tests/reference/minilm.json

The forward pass is written out below from the paper (BERT, post-norm, exact GELU) and the model card (mean of the last
hidden states, then unit length); it shares no code with the accelerator that it is compared with. The tokenizer is the
model's own tokenizer.json by the reference implementation. Files are those that `cargo xtask models` fetches.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

FOLDER = Path.home() / ".cache/evenhand/models"
SENTENCES = [
    "The cat sits on the mat.",
    "A kitten is resting on a rug.",
    "The stock market fell sharply today.",
    "Shares dropped on Wall Street this afternoon.",
    "How do I reset my password?",
    "I can't log in because I forgot my login details.",
    "Die Katze sitzt auf der Matte.",
    "naïve café — 42 €, 漢字!",
    "word " * 150,
]

erf = np.vectorize(math.erf)


def normed(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * weight + bias


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


class MiniLM:
    def __init__(self) -> None:
        self.config = json.loads((FOLDER / "all-minilm-l6-v2.config.json").read_text())
        weights = load_file(FOLDER / "all-minilm-l6-v2.safetensors")
        self.weights = {name.removeprefix("bert."): value.astype(np.float64) for name, value in weights.items()}
        self.tokenizer = Tokenizer.from_file(str(FOLDER / "all-minilm-l6-v2.tokenizer.json"))
        self.tokenizer.no_padding()
        # What the model card's pipeline cuts at.
        self.tokenizer.enable_truncation(256)

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return normed(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], self.config["layer_norm_eps"])

    def attend(self, x: np.ndarray, at: str) -> np.ndarray:
        heads = self.config["num_attention_heads"]
        parts = (self.linear(x, f"{at}.{name}") for name in ("query", "key", "value"))
        q, k, v = (part.reshape(len(x), heads, -1).transpose(1, 0, 2) for part in parts)
        seen = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])) @ v
        return seen.transpose(1, 0, 2).reshape(len(x), -1)

    def embed(self, text: str) -> np.ndarray:
        ids = self.tokenizer.encode(text).ids
        x = self.weights["embeddings.word_embeddings.weight"][ids]
        x = x + self.weights["embeddings.position_embeddings.weight"][: len(ids)]
        x = x + self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            at = f"encoder.layer.{layer}"
            seen = self.linear(self.attend(x, f"{at}.attention.self"), f"{at}.attention.output.dense")
            x = self.norm(x + seen, f"{at}.attention.output.LayerNorm")
            inner = self.linear(x, f"{at}.intermediate.dense")
            inner = 0.5 * inner * (1 + erf(inner / math.sqrt(2)))
            x = self.norm(x + self.linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def main() -> None:
    model = MiniLM()
    vectors = np.stack([model.embed(text) for text in SENTENCES])
    tokens = [len(model.tokenizer.encode(text).ids) for text in SENTENCES]
    json.dump(
        {"sentences": SENTENCES, "tokens": tokens, "cosines": np.round(vectors @ vectors.T, 6).tolist()},
        sys.stdout,
        indent=1,
        ensure_ascii=False,
    )


if __name__ == "__main__":
    main()
