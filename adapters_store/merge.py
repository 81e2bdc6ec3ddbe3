"""Blending modules into one: a method is a row of a table.

All modules of a base share one frozen A, so a module is the vector of its Bs, and a weighted sum of vectors is the same sum
of the weight changes. An election is not: TIES on the Bs elects in the coordinates that A spans, TIES on the dense weight
changes in those of the layers, and the latter ends up close to the plain sum (the row `ties_delta` is there to compare).

A method takes k vectors of shape (n,) and k weights and gives one vector of shape (n,); what it is given is never written.
How a row is carried out stands in `slowwave.adapters_store.ties`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slowwave.adapters_store.ties import Recipe, blend, thin
from slowwave.errors import InvalidInput

if TYPE_CHECKING:
    import torch

    from slowwave.adapters_store.shape import SlotShape

__all__ = ["METHODS", "Recipe", "match_norm", "merge"]

METHODS: Mapping[str, Recipe] = {
    "single": Recipe(alone=True),
    "linear": Recipe(),
    # The exact weighted sum of the weight changes. With one A for all that is `linear`, bit for bit. It is a row of its own
    # because elsewhere it is another thing: PEFT stacks As and Bs for it, and PEFT's `linear` is no weighted sum (below).
    "cat": Recipe(),
    "ties": Recipe(votes="weighted"),
    "ties_delta": Recipe(votes="weighted", deltas=True),
    "dare_linear": Recipe(density=0.8, drop="random"),
    "dare_ties": Recipe(density=0.8, drop="random", votes="weighted"),
    # What PEFT's methods of these names make of modules with one A. (PEFT's `ties` trims that A as well, which no vector of
    # Bs can express: here it stays whole.)
    "linear_peft": Recipe(roots=True),
    "ties_peft": Recipe(density=0.5, by_layer=True, votes="values", average=True, roots=True),
}


def merge(
    vectors: torch.Tensor | Sequence[torch.Tensor],
    weights: torch.Tensor,
    method: str | Recipe = "ties",
    *,
    shape: SlotShape | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Blend k modules, shape (k, n) or k times (n,), by weights of shape (k,) into one vector of shape (n,).

    Sums are taken in float32 at least. Temporaries are a few blocks, as long as nothing is dropped and no weight changes
    are formed. `out` is written and returned if given, and may be of any floating type; else the result has the modules'.
    `shape` is needed where layers matter. A row with another option: ``replace(METHODS["dare_ties"], seed=1)``.

    Raises:
        InvalidInput: the method is unknown, or what is given does not fit together. Nothing was written.
    """
    import torch

    recipe = method if isinstance(method, Recipe) else METHODS.get(method)
    if recipe is None:
        raise InvalidInput("Unknown merge method", method, f"Known methods: {', '.join(METHODS)}.")
    rows = _rows(vectors, weights, shape)
    if shape is None and recipe.looks_at_layers:
        raise InvalidInput("The method needs the layers of the modules", method, "Pass the slot's shape as `shape`.")
    if out is not None:
        _check_out(out, rows)
    with torch.no_grad():
        if out is None:
            out = torch.empty(rows[0].shape, dtype=rows[0].dtype, device=rows[0].device)
        if recipe.alone:
            return out.copy_(rows[int(weights.argmax())])
        weights = weights.to(rows[0].device, torch.promote_types(rows[0].dtype, torch.float32))
        if len(rows) == 1:
            recipe = Recipe()  # alone it keeps every entry
        factor = None
        if recipe.roots:
            signed = weights.abs().sqrt().copysign(weights)
            weights = signed.abs()
            # The one A is blended like the Bs, and agrees with itself: PEFT sums it, or averages it after an election.
            factor = signed.sum() if recipe.votes == "none" else signed.mean()
        generator = torch.Generator().manual_seed(recipe.seed)
        if recipe.deltas and shape is not None:
            _blend_deltas(rows, weights, recipe, shape, generator, out)
        else:
            sizes = shape.sizes if recipe.by_layer and shape is not None else (len(out),)
            blend(thin(rows, recipe, sizes, generator), weights, recipe, out)
        return out if factor is None else out.mul_(factor)


def match_norm(
    merged: torch.Tensor,
    vectors: torch.Tensor | Sequence[torch.Tensor],
    weights: torch.Tensor,
    shape: SlotShape | None = None,
) -> torch.Tensor:
    """Scale a merge, shape (n,), to the norm that the linear blend of its modules would have if they were aligned.

    That is the sum of the modules' norms times the sizes of their weights: the weighted mean of the norms where the
    weights sum to 1, and by the triangle inequality the most that a weighted sum can reach. It depends on no method, so
    methods at this norm differ in direction alone, and none looks worse only because it keeps less. It is for comparing
    methods; answers do not use it. Zeros stay zeros.

    With a shape the norm is that of the weight changes B A, else of the Bs; the rows of A are nearly orthonormal, so the
    two differ little.

    Raises:
        InvalidInput: what is given does not fit together.
    """
    import torch

    with torch.no_grad():
        rows = _rows(vectors, weights, shape)
        if merged.shape != rows[0].shape:
            found = (tuple(merged.shape), tuple(rows[0].shape))
            raise InvalidInput("The merge does not fit its modules", found, "Give a vector of their length.")
        target = sum(abs(float(weight)) * _norm(row, shape) for weight, row in zip(weights, rows, strict=True))
        norm = _norm(merged, shape)
        return merged * (target / norm) if norm else merged.clone()


def _blend_deltas(
    rows: Sequence[torch.Tensor],
    weights: torch.Tensor,
    recipe: Recipe,
    shape: SlotShape,
    generator: torch.Generator,
    out: torch.Tensor,
) -> None:
    """Write into `out` the Bs whose weight changes are nearest, by least squares, to the blend of the rows' weight changes.

    One layer after the other: at a time, memory holds k + 1 times the layer's weights.
    """
    import torch

    for a, merged, *bs in zip(shape.draw_a(), shape.split(out), *(shape.split(row) for row in rows), strict=True):
        a = a.to(weights)  # (rank, in)
        deltas = [(b.to(weights) @ a).flatten() for b in bs]  # k times (out * in,)
        blended = torch.empty_like(deltas[0])
        blend(thin(deltas, recipe, (len(blended),), generator), weights, recipe, blended)
        merged.copy_(blended.view(-1, a.shape[1]) @ torch.linalg.pinv(a))  # (out, in) @ (in, rank)


def _norm(vector: torch.Tensor, shape: SlotShape | None) -> float:
    """Frobenius norm of a module's weight changes B A, before the scale; of its Bs where no shape is given."""
    wide = vector.double()
    if shape is None:
        return float(wide.norm())
    # |B A|^2 sums (B A A^T) * B over its entries, so B A is never formed.
    layers = zip(shape.split(wide), shape.draw_a(), strict=True)
    return math.sqrt(sum(float(((b @ (a @ a.t()).to(b)) * b).sum()) for b, a in layers))


def _rows(
    vectors: torch.Tensor | Sequence[torch.Tensor], weights: torch.Tensor, shape: SlotShape | None
) -> list[torch.Tensor]:
    """The modules as k vectors of shape (n,), after checks."""
    import torch

    fits = not isinstance(vectors, torch.Tensor) or vectors.ndim == 2
    rows = list(vectors) if fits else []
    if not rows or weights.shape != (len(rows),) or {row.shape for row in rows} != {rows[0].shape} or rows[0].ndim != 1:
        given = tuple(vectors.shape) if isinstance(vectors, torch.Tensor) else [tuple(row.shape) for row in rows]
        found = (given, tuple(weights.shape))
        raise InvalidInput("Modules and weights do not fit", found, "Give vectors (k, n) and weights (k,).")
    types = {str(row.dtype) for row in rows}
    if len(types) > 1 or not rows[0].is_floating_point():
        raise InvalidInput("Modules of these types cannot be blended", sorted(types), "Give one floating-point type.")
    if not bool(weights.isfinite().all()):
        raise InvalidInput("Not every weight is a number", weights.tolist(), "Give finite weights.")
    if shape is not None and (not shape.mergeable or shape.size != len(rows[0])):
        sizes = (shape.size, len(rows[0]))
        raise InvalidInput(
            "The shape is not that of the modules", sizes, "Give the shape they were trained in, with a shared A."
        )
    return rows


def _check_out(out: torch.Tensor, rows: Sequence[torch.Tensor]) -> None:
    if out.shape != rows[0].shape or not out.is_floating_point():
        found = (tuple(out.shape), str(out.dtype))
        raise InvalidInput("`out` does not fit", found, "Give a floating-point vector (n,).")
    if any(row.untyped_storage().data_ptr() == out.untyped_storage().data_ptr() for row in rows):
        raise InvalidInput(
            "`out` lies in a module's memory", tuple(out.shape), "Give another: modules are never written."
        )
