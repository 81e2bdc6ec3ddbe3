"""How likely a model holds answers: rows read side by side, or as branches of one sequence where the model can be read so.

Models differ in what they do behind the last layer and in what their layers look at. Both are found out by trying, once, and
where the short way does not give what the model itself says, the long way is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slowwave.packing import Branches, Encoded, branches, padded
from slowwave.slot import Slot, Stack, attached

if TYPE_CHECKING:
    import torch

__all__ = ["Likelihoods"]

logger = logging.getLogger(__name__)

_PROBE = ("My sister's name is Clara and my brother's name is Tom.", " Who is Clara?", " What is his name, again?")
"""A common beginning and two ends, by which it is found out what holds of a model."""


class Likelihoods:
    """Log-probabilities of answers under a model, with or without a slot."""

    def __init__(self, model: Any, tokenizer: Any, name: str, device: str, pad: int) -> None:
        self._model, self._tokenizer, self._name, self._device, self._pad = model, tokenizer, name, device, pad
        self._plain: bool | None = None
        """Whether logits are the output embedding's, with nothing done to them; None until it is found out."""
        self._branches: bool | None = None
        """Whether rows as branches come out as plain rows do; None until it is found out."""

    def distributions(self, rows: Sequence[Encoded], slot: Slot | Stack | None) -> list[torch.Tensor]:
        """Log-probability of every token at each answer position: one tensor of shape (answer, vocabulary) per row.

        Logits are computed at answer positions only, because the vocabulary is wide; by models that make something else of
        them, from the first answer of any row on.
        """
        import torch

        ids, mask = padded([row.ids for row in rows], self._pad)
        read = {"input_ids": ids.to(self._device), "attention_mask": mask.to(self._device), "use_cache": False}
        plain = self._is_plain()
        first = 0 if plain else min(row.prompt for row in rows) - 1
        with attached(slot):
            if plain:
                found = self._model.get_decoder()(**read).last_hidden_state  # (rows, width, hidden)
            else:
                found = self._model(**read, logits_to_keep=ids.shape[1] - first).logits  # (rows, rest, vocabulary)
        places = [slice(row.prompt - 1 - first, len(row.ids) - 1 - first) for row in rows]
        said = torch.cat([found[index, place] for index, place in enumerate(places)])  # (answer tokens, either)
        logits = (self._model.get_output_embeddings()(said) if plain else said).float()  # (answer tokens, vocabulary)
        return list(torch.log_softmax(logits, dim=-1).split([len(row.ids) - row.prompt for row in rows]))

    def chosen(self, rows: Sequence[Encoded], slot: Slot | Stack | None) -> list[torch.Tensor]:
        """Log-probability of each answer token given what stands before it: one tensor of shape (answer,) per row."""
        import torch

        logprobs = torch.cat(self.distributions(rows, slot))  # (answer tokens, vocabulary)
        wanted = torch.tensor([token for row in rows for token in row.ids[row.prompt :]], device=self._device)
        picked = logprobs.gather(1, wanted[:, None])[:, 0]
        return list(picked.split([len(row.ids) - row.prompt for row in rows]))

    def branched(self, groups: Sequence[Sequence[Encoded]], slot: Slot | None) -> list[torch.Tensor]:
        """The same for rows in groups, reading what the rows of a group have in common once.

        Everything lies in one sequence without padding: of each group the common beginning, then the rest of every row
        as a branch that sees the beginning and itself. Where the model cannot be read so, all rows are read as they are.
        """
        laid = branches(groups)
        rows = [row for group in groups for row in group]
        return self._read(laid, rows, slot) if self._may_branch(len(laid.ids)) else self.chosen(rows, slot)

    def _read(self, laid: Branches, rows: Sequence[Encoded], slot: Slot | None) -> list[torch.Tensor]:
        import torch

        mask = torch.zeros(laid.sees.shape, dtype=self._model.dtype)
        mask.masked_fill_(~laid.sees, torch.finfo(self._model.dtype).min)
        read = {
            "input_ids": torch.tensor([laid.ids], device=self._device),
            "attention_mask": mask[None, None].to(self._device),  # (1, 1, tokens, tokens)
            "position_ids": torch.tensor([laid.positions], device=self._device),
            "use_cache": False,
        }
        plain = self._is_plain()
        with attached(slot):
            if plain:
                found = self._model.get_decoder()(**read).last_hidden_state[0][laid.where]  # (answer tokens, hidden)
            else:
                where = torch.tensor(laid.where, device=self._device)
                found = self._model(**read, logits_to_keep=where).logits[0]  # (answer tokens, vocabulary)
        logits = (self._model.get_output_embeddings()(found) if plain else found).float()
        wanted = torch.tensor(laid.wanted, device=self._device)
        logprobs = torch.log_softmax(logits, dim=-1).gather(1, wanted[:, None])[:, 0]  # (answer tokens,)
        return list(logprobs.split([len(row.ids) - row.prompt for row in rows]))

    # -- what holds of the model ---------------------------------------------------------------------------------

    def _is_plain(self) -> bool:
        """Whether logits are the output embedding's; found out once, by a short text.

        Granite divides them, Cohere multiplies them, and Gemma keeps them within bounds.
        """
        import torch

        if self._plain is None:
            if getattr(self._model.config.get_text_config(), "final_logit_softcapping", None):
                self._plain = False  # small logits would hide it
                return False
            ids = torch.tensor([self._ids(_PROBE[0])], device=self._device)  # (1, tokens)
            with torch.no_grad(), attached(None):
                hidden = self._model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
                made = self._model.get_output_embeddings()(hidden)  # (1, tokens, vocabulary)
                self._plain = _is_close(made, self._model(input_ids=ids, use_cache=False).logits)
        return self._plain

    def _may_branch(self, tokens: int) -> bool:
        """Whether rows may lie as branches in a sequence of so many tokens; found out once, by two short rows."""
        import torch

        most = _reach(self._model.config.get_text_config())
        if most is not None and tokens > most:
            return False
        if self._branches is None:
            trunk, *ends = map(self._ids, _PROBE)
            rows = [Encoded((*trunk, *end), len(trunk) + 1) for end in ends]
            try:
                with torch.no_grad():
                    laid = torch.cat(self._read(branches([rows]), rows, None))  # (answer tokens,)
                    alone = torch.cat(self.chosen(rows, None))
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, ValueError, TypeError):  # it takes no such masks, or no positions
                self._branches = False
            else:
                self._branches = _is_close(laid.to(self._model.dtype), alone)
            if not self._branches:
                logger.info("%s is read row by row: as branches its rows come out otherwise", self._name)
        return self._branches

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


def _reach(config: Any) -> int | None:
    """How long a sequence may be in which rows lie as branches, in tokens; None: any, 0: none.

    Branches need attention that sees what a mask shows it. Layers that look at neighbours in the sequence (convolutions, state
    spaces) would take one branch for the past of another, and a window does not reach back to what branches have in common.
    """
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if kinds - {"full_attention", "sliding_attention"}:
        return 0
    return None if window is None or kinds == {"full_attention"} else int(window)


def _is_close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one shape are the same up to the rounding of the first one's type."""
    import torch

    slack = 1e-3 if one.dtype == torch.float32 else 3e-2
    size = float(other.float().abs().max())
    return float((one.float() - other.float()).abs().max()) <= slack * max(size, slack)
