"""Texts to vectors: the one door to sentence-transformers, loaded once per process."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from slowwave.adapters_store.lexical import tokens
from slowwave.checkpoints import unloadable
from slowwave.types import Progress, no_progress
from slowwave.weights import embedder, quiet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedder", "HashEmbedder", "load_embedder"]


class Embedder(Protocol):
    """What the memory needs of an embedding model."""

    name: str
    """Identifies the vectors: vectors of different names are never compared."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; shape (texts, width), each row of norm 1."""
        ...


class HashEmbedder:
    """A deterministic embedder without weights: words are hashed into signed buckets (Weinberger et al., 2009).

    It knows no synonyms. Tests use it, and it lets a memory run where no embedding model may be loaded.
    """

    def __init__(self, width: int = 256) -> None:
        self.name = f"hash:{width}"
        self._width = width

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; shape (texts, width), each row of norm 1."""
        import numpy as np

        vectors = np.zeros((len(texts), self._width), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in tokens(text) or [text]:
                digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
                row[int.from_bytes(digest[:4], "little") % self._width] += 1.0 if digest[4] % 2 else -1.0
            norm = float(np.linalg.norm(row))
            row /= norm if norm else 1.0
        return vectors


class _SentenceEmbedder:
    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self._model = model
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.zeros((0, self._model.get_embedding_dimension()), dtype=np.float32)
        with self._lock:
            vectors = self._model.encode(
                list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(vectors, dtype=np.float32)


_loaded: dict[tuple[str, str], Embedder] = {}
_loading = threading.Lock()


def load_embedder(name: str, device: str = "cpu", progress: Progress = no_progress) -> Embedder:
    """The embedder of this name, loaded once per process; ``hash:256`` is the one without weights.

    Raises:
        WeightsError: the weights are missing, unreachable or corrupt.
    """
    with _loading:
        if (name, device) not in _loaded:
            if name.startswith("hash:"):
                _loaded[name, device] = HashEmbedder(int(name.removeprefix("hash:")))
            else:
                found = embedder(name, progress)
                from sentence_transformers import SentenceTransformer

                try:
                    with quiet():
                        model = SentenceTransformer(str(found.folder), device=device)
                except MemoryError:
                    raise
                except Exception as error:  # of transformers, tokenizers and safetensors, some without a class
                    raise unloadable(found, "embedder", error) from error
                _loaded[name, device] = _SentenceEmbedder(f"st:{found.sha256[:12]}", model)
        return _loaded[name, device]
