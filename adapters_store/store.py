"""The module store: publish a module, load it, retire it. One writer at a time; readers see whole modules only."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from slowwave.adapters_store.layout import FORMAT, FolderLayout, ModuleLayout
from slowwave.adapters_store.manifest import Catalog, CatalogEntry, Manifest, ModuleInfo
from slowwave.adapters_store.shape import SlotShape
from slowwave.errors import BaseMismatch, InvalidInput, OwnerMismatch, StoreDamaged
from slowwave.files import file_sha256, remove_folder, sync, write_atomically

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["AdapterStore"]

logger = logging.getLogger(__name__)

RecordT = TypeVar("RecordT", Catalog, Manifest)

_OURS = re.compile(r"m-[0-9a-f]+|\..+\.\d+\.tmp")
"""Names of modules and of drafts of them, which may lack anything after a crash."""


class AdapterStore:
    """The modules of one memory folder.

    A module becomes live when the catalog is swapped, and stops being live the same way. Files come before the catalog on
    the way in and go after it on the way out, so that a crash at any point leaves either the old state or the new one,
    plus at worst a folder that nobody lists and `sweep` removes.
    """

    def __init__(self, layout: FolderLayout) -> None:
        self.layout = layout
        self._lock = threading.RLock()
        self._catalog = self._read_catalog()
        self._manifests: dict[str, Manifest] = {}
        self._reported: set[str] = set()

    # -- reading -------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The catalog's number: it grows with every publication and retirement."""
        return self._catalog.version

    def live(self, user_id: str | None = None) -> list[Manifest]:
        """Manifests of the live modules, oldest first; of one user if given.

        A module that cannot be read is left out: its facts count as recent again, and the next night learns them anew.
        """
        with self._lock:
            entries = [entry for entry in self._catalog.modules if user_id is None or entry.user_id == user_id]
            return [manifest for entry in entries if (manifest := self._whole(entry)) is not None]

    def damaged(self) -> list[str]:
        """Ids of listed modules that cannot be read, or whose files are not those that were written."""
        with self._lock:
            found = [(entry.id, self._whole(entry)) for entry in self._catalog.modules]
            return [name for name, manifest in found if manifest is None or not self._is_sound(manifest)]

    def infos(self, user_id: str | None = None) -> list[ModuleInfo]:
        """The live modules as short records."""
        return [
            ModuleInfo(
                id=manifest.id,
                user_id=manifest.user_id,
                facts=len(manifest.settled_ids),
                questions=sum(not question.heldout for question in manifest.questions),
                recall=float(manifest.gate.get("recall", 0.0)),
                created_at=manifest.created_at,
                size_bytes=self.size_bytes(manifest.id),
                base=manifest.base.name,
            )
            for manifest in self.live(user_id)
        ]

    def size_bytes(self, module_id: str) -> int:
        """Bytes that a module takes on disk."""
        return sum(file.stat().st_size for file in self._module(module_id).folder.iterdir())

    def vector(self, module_id: str, *, user_id: str, base_sha256: str, shape: SlotShape) -> torch.Tensor:
        """Load a module as one flat float32 vector of shape (shape.size,); one of a lower rank is filled up with zeros.

        Raises:
            OwnerMismatch: the module belongs to another user.
            BaseMismatch: it was trained on another base model.
            InvalidInput: its rank is higher than the shape's.
            StoreDamaged: its weights cannot be read or fail their checksum.
        """
        import torch
        from safetensors import SafetensorError, safe_open
        from torch.nn.functional import pad

        manifest = self._manifest_by_id(module_id)
        if manifest.user_id != user_id:
            raise OwnerMismatch(module_id, user_id)
        if manifest.base.sha256 != base_sha256:
            raise BaseMismatch(module_id, f"{manifest.base.name} {manifest.base.sha256[:12]}", base_sha256[:12])
        if manifest.rank > shape.rank:
            remedy = f"Module {module_id!r} has rank {manifest.rank}: give a slot of that rank or a higher one."
            raise InvalidInput("Rank too low", shape.rank, remedy)
        path = self._module(module_id).weights
        try:
            if file_sha256(path) != manifest.files.get(path.name):
                raise StoreDamaged(str(path), "its checksum is not the one in the manifest")
            # Mapped into memory; the As that all modules share are not read.
            with safe_open(path, framework="pt") as file:
                bs = [file.get_tensor(f"base_model.model.{target.name}.lora_B.weight") for target in shape.targets]
        except (OSError, SafetensorError) as error:
            raise error if isinstance(error, StoreDamaged) else StoreDamaged(str(path), str(error)) from error
        # The first rows of a shared A are those of every lower rank, so columns of zeros are all that is missing.
        missing = (0, shape.rank - manifest.rank)
        ratio = manifest.alpha / manifest.rank / shape.scale
        return torch.cat([pad(b.float() * ratio, missing).flatten() for b in bs])

    def question_vectors(self, module_id: str, embedder: str) -> NDArray[np.float32] | None:
        """Embeddings of the module's questions, shape (questions, width), or None if another embedder made them."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self._module(module_id).index
        try:
            tensors: dict[str, Any] = load_file(path)
        except (OSError, SafetensorError):
            return None  # a cache: whoever asks embeds the questions again
        return tensors[embedder].astype("float32") if embedder in tensors else None

    # -- writing -------------------------------------------------------------------------------------------------

    def stage(
        self,
        manifest: Manifest,
        vector: torch.Tensor,
        shape: SlotShape,
        question_vectors: NDArray[np.float32] | None = None,
        embedder: str = "",
    ) -> Path:
        """Write a whole module folder that is not live yet; the manifest goes last. Returns the folder.

        Raises:
            InvalidInput: the module has As or magnitudes of its own, so that it cannot lie in a memory's slot.
        """
        if not shape.mergeable:
            raise InvalidInput(
                "The module cannot be stored",
                manifest.id,
                "It has As or magnitudes of its own: only benchmarks use such.",
            )
        import torch
        from safetensors.numpy import save_file as save_arrays
        from safetensors.torch import save_file

        draft = ModuleLayout(self.layout.modules / f".{manifest.id}.{os.getpid()}.tmp")
        remove_folder(draft.folder)
        draft.folder.mkdir(parents=True)
        tensors: dict[str, torch.Tensor] = {}
        for target, a, b in zip(shape.targets, shape.draw_a(), shape.split(vector.detach().cpu()), strict=True):
            tensors[f"base_model.model.{target.name}.lora_A.weight"] = a.to(torch.bfloat16).contiguous()
            tensors[f"base_model.model.{target.name}.lora_B.weight"] = b.to(torch.bfloat16).contiguous()
        save_file(tensors, draft.weights, metadata={"format": "pt"})
        draft.config.write_text(json.dumps(_peft_config(manifest, shape), indent=2))
        if question_vectors is not None:
            save_arrays({embedder: question_vectors.astype("float16")}, draft.index)
        files = {file.name: file_sha256(file) for file in sorted(draft.folder.iterdir())}
        for file in draft.folder.iterdir():
            sync(file)
        complete = manifest.model_copy(update={"files": files})
        write_atomically(draft.manifest, complete.model_dump_json(indent=2).encode())
        final = self._module(manifest.id).folder
        with self._lock:
            if (
                any(entry.id == manifest.id for entry in self._catalog.modules)
                and self._module(manifest.id).is_complete()
            ):
                remove_folder(
                    draft.folder
                )  # live already, after a crash behind the swap: its id says the bits are equal
                return final
            remove_folder(final)
            draft.folder.rename(final)
            sync(self.layout.modules)
        return final

    def publish(self, module_ids: Iterable[str], *, retire: Iterable[str] = ()) -> int:
        """Make staged modules live and retire others in one swap; returns the new catalog number.

        Raises:
            StoreDamaged: a module to publish is not complete.
        """
        gone = set(retire)
        with self._lock:
            entries = [entry for entry in self._catalog.modules if entry.id not in gone]
            listed = {entry.id for entry in entries}
            for module_id in module_ids:
                manifest = self._read_manifest(module_id)
                if module_id not in listed:
                    entries.append(CatalogEntry(id=module_id, user_id=manifest.user_id))
            self._swap(entries)
            return self.version

    def retire(self, module_ids: Iterable[str]) -> None:
        """Take modules out of the catalog at once and delete their files."""
        gone = set(module_ids)
        if not gone:
            return
        with self._lock:
            self._swap([entry for entry in self._catalog.modules if entry.id not in gone])
            for module_id in gone:
                remove_folder(self._module(module_id).folder)

    def sweep(self) -> list[str]:
        """Delete what is no use: modules that cannot be read, and those that the catalog does not list.

        Only what looks like a module goes: a memory may have been opened in a folder of something else, with modules of its own.
        Returns the names of the deleted folders.
        """
        with self._lock:
            self.retire(self.damaged())
            listed = {entry.id for entry in self._catalog.modules}
            if not self.layout.modules.is_dir():
                return []
            unlisted = [one for one in self.layout.modules.iterdir() if one.is_dir() and one.name not in listed]
            stray = [one for one in unlisted if _OURS.fullmatch(one.name) or ModuleLayout(one).manifest.is_file()]
            for folder in stray:
                shutil.rmtree(folder)
            return [folder.name for folder in stray]

    # -- inside --------------------------------------------------------------------------------------------------

    def _module(self, module_id: str) -> ModuleLayout:
        return ModuleLayout(self.layout.modules / module_id)

    def _swap(self, entries: list[CatalogEntry]) -> None:
        catalog = Catalog(version=self._catalog.version + 1, modules=tuple(entries))
        write_atomically(self.layout.catalog, catalog.model_dump_json(indent=2).encode())
        self._catalog = catalog
        listed = {entry.id for entry in entries}
        self._manifests = {key: value for key, value in self._manifests.items() if key in listed}

    def _read_catalog(self) -> Catalog:
        return _read(self.layout.catalog, Catalog.model_validate_json, Catalog())

    def _manifest_by_id(self, module_id: str) -> Manifest:
        with self._lock:
            return self._manifests.get(module_id) or self._read_manifest(module_id)

    def _manifest(self, entry: CatalogEntry) -> Manifest:
        manifest = self._manifests.get(entry.id) or self._read_manifest(entry.id)
        if manifest.user_id != entry.user_id:
            raise OwnerMismatch(entry.id, entry.user_id)
        self._manifests[entry.id] = manifest
        return manifest

    def _whole(self, entry: CatalogEntry) -> Manifest | None:
        try:
            return self._manifest(entry)
        except StoreDamaged as error:
            if entry.id not in self._reported:
                self._reported.add(entry.id)
                logger.error("module %s is left out: %s", entry.id, error.reason)
            return None

    def _is_sound(self, manifest: Manifest) -> bool:
        """Whether the weights and their configuration are as they were written; the embeddings are only a cache."""
        module = self._module(manifest.id)
        try:
            return all(file_sha256(path) == manifest.files.get(path.name) for path in (module.weights, module.config))
        except OSError:
            return False

    def _read_manifest(self, module_id: str) -> Manifest:
        module = self._module(module_id)
        if not module.is_complete():
            raise StoreDamaged(str(module.folder), "the module is not complete")
        return _read(module.manifest, Manifest.model_validate_json, None)


def _read(path: Path, parse: Callable[[bytes], RecordT], absent: RecordT | None) -> RecordT:
    if absent is not None and not path.exists():
        return absent
    try:
        record = parse(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise StoreDamaged(str(path), str(error).splitlines()[0]) from error
    if record.format > FORMAT:
        reason = f"it was written by a newer Slowwave (format {record.format}, this one reads {FORMAT})"
        raise StoreDamaged(str(path), reason, "Upgrade Slowwave, and leave the file as it is.")
    return record


def _peft_config(manifest: Manifest, shape: SlotShape) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": manifest.base.name,
        "r": shape.rank,
        "lora_alpha": shape.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted({target.name.rpartition(".")[2] for target in shape.targets}),
    }
