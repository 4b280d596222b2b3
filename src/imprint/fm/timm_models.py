"""The FM source `timm`: timm models with published weights, weights from a folder, or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.data.retries import persistent
from imprint.errors import UserError
from imprint.fm.hubs import advice, hugging_face
from imprint.fm.registry import FMSource, fm_source
from imprint.registry import suggestion
from imprint.store.fm_identity import LOCAL_FOLDER

if TYPE_CHECKING:
    from imprint.fm.embedder import Embedder


@fm_source("timm")
class TimmModel(FMSource):
    """A timm model: a tagged name, hf-hub:... or local-dir:..., or any name with a checkpoint."""

    has_tokens = True

    def load(self, changes: Mapping[str, Any]) -> Embedder:
        """The model; see `FMSource.load`."""
        import timm

        from imprint.fm.checkpoints import read_facts, read_state
        from imprint.fm.embedder import timm_embedder
        from imprint.fm.transforms import make_transform

        identity = {"source": "timm", "model": self.model}
        self._check_name()
        if self.checkpoint is None:
            model = self._download(changes)
        elif identity.items() <= read_facts(self.checkpoint).items():
            model = self._load_fetched(self.checkpoint, changes)
        else:
            model = self._create(read_state(self.checkpoint), self.checkpoint, changes)
        if self.model.startswith(LOCAL_FOLDER):  # so that it is found from other folders too
            folder = Path(self.model.removeprefix(LOCAL_FOLDER)).resolve()
            identity["model"] = f"{LOCAL_FOLDER}{folder}"
        return timm_embedder(
            model,
            make_transform(timm.data.resolve_model_data_config(model), changes),
            identity,
            pooling=self.pooling,
        )

    def fetch(self, path: str | Path) -> None:
        """Write the published weights and, for a model of the hub, its arguments for timm; see `FMSource.fetch`."""
        from imprint.fm.checkpoints import save

        self._check_name()
        model = self._download({})
        facts: dict[str, Any] = {"source": "timm", "model": self.model}
        if self.model.startswith("hf-hub:"):
            from timm.models import load_model_config_from_hf

            config, architecture, arguments = load_model_config_from_hf(
                self.model.removeprefix("hf-hub:")
            )
            facts["timm"] = {"architecture": architecture, "config": config, "arguments": arguments}
        save(path, model.state_dict(), facts)

    def _check_name(self) -> None:
        """Check that the architecture exists and has weights with the tag, which is optional beside a checkpoint."""
        import timm

        if ":" in self.model:  # timm cannot list the models of hf-hub: and local-dir:
            return
        architecture, _, tag = self.model.partition(".")
        if not timm.is_model(architecture):
            hint = suggestion(architecture, timm.list_models())
            raise UserError(
                f"timm has no model '{architecture}'{hint or '; timm.list_models() lists them all'}"
            )
        tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
        if tag not in tags and (tag or self.checkpoint is None):
            remedy = "give a checkpoint" if self.checkpoint is None else "leave the tag out"
            raise UserError(
                f"model '{self.model}': timm's weights are named with a tag; {architecture} has "
                + (", ".join(tags) if tags else f"no weights, {remedy}")
            )

    def _download(self, changes: Mapping[str, Any]) -> Any:
        """The model with its published weights."""
        from imprint.fm.checkpoints import only_weights

        local = self.model.startswith(LOCAL_FOLDER)
        hub = nullcontext("") if local else hugging_face(self._repository() or self.model)
        with hub as refusal, only_weights():
            try:
                model = persistent(self.model, lambda: self._resized(changes, pretrained=True))
            except Exception as error:  # the hub's client has many classes of errors
                reason = f"{type(error).__name__}: {error}"
                if refusal:
                    reason = (
                        f"they are not in the cache of Hugging Face's client, and the hub {refusal}"
                    )
                raise UserError(
                    f"the weights of '{self.model}' could not be loaded ({reason}){self._remedy()}"
                ) from error
        return self._classifying(model)

    def _load_fetched(self, path: str | Path, changes: Mapping[str, Any]) -> Any:
        """The model with its published weights, from a file of `fetch`."""
        import timm

        from imprint.fm.checkpoints import read_facts

        recipe = read_facts(path).get("timm") or {
            "architecture": self.model,
            "config": None,
            "arguments": {},
        }
        # a file may set arguments of the architecture, not those that determine the origin of the weights
        refused = sorted(set(recipe["arguments"]) & signature(timm.create_model).parameters.keys())
        if refused or (recipe["config"] is not None and not timm.is_model(recipe["architecture"])):
            raise UserError(
                f"{path} sets {', '.join(refused) or 'the model ' + str(recipe['architecture'])} for timm, which a weights "
                "file may not set; delete the file to fetch the weights again"
            )
        try:
            model = self._resized(
                changes,
                recipe["architecture"],
                pretrained=True,
                pretrained_cfg=recipe["config"],
                pretrained_cfg_overlay={"file": str(path), "source": "file"},
                **recipe["arguments"],
            )
        except Exception as error:  # timm and torch raise many classes if weights do not fit
            raise UserError(
                f"the weights of '{self.model}' in {path} could not be loaded ({type(error).__name__}: {error}); "
                "delete the file to fetch them again"
            ) from error
        return self._classifying(model)

    def _create(
        self, state: Mapping[str, Any], path: str | Path, changes: Mapping[str, Any]
    ) -> Any:
        """The model with the weights of a checkpoint, the classifier included if the checkpoint has one."""
        from imprint.fm.checkpoints import classifier_rows, fill

        model = self._classifying(self._untrained(changes))
        heads = model.pretrained_cfg.get("classifier") or ()
        heads = (heads,) if isinstance(heads, str) else tuple(heads)
        rows = classifier_rows(state, heads[0], path) if heads else None
        whole = model.state_dict().keys()
        if rows is None or len(rows) != model.num_classes:
            model.reset_classifier(0 if rows is None else len(rows))
        removed = whole - model.state_dict().keys()  # of a second classifier, for distillation
        state = {key: value for key, value in state.items() if key not in removed}
        fill(model, state, path, ignored=tuple(f"{head}." for head in heads))
        if rows is None:
            model.reset_classifier(0)
        return model

    def _untrained(self, changes: Mapping[str, Any]) -> Any:
        """The model without weights; the architecture of a name with hf-hub: or local-dir: is in its config.json."""
        if ":" not in self.model:
            return self._resized(changes)
        kind, _, repository = self.model.partition(":")
        with nullcontext("") if kind == "local-dir" else hugging_face(repository) as refusal:
            try:
                return self._resized(changes)
            except Exception as error:  # as in `_download`
                reason = f"the hub {refusal}" if refusal else f"{type(error).__name__}: {error}"
                remedy = (
                    "the folder needs config.json, as timm.models.save_for_hf writes it"
                    if kind == "local-dir"
                    else f"get https://huggingface.co/{repository}/resolve/main/config.json elsewhere, put it into a folder and "
                    "name the model local-dir:FOLDER, with the same checkpoint"
                )
                raise UserError(
                    f"the architecture of '{self.model}' could not be read ({reason}); {remedy}"
                ) from error

    def _resized(
        self, changes: Mapping[str, Any], architecture: str | None = None, **options: Any
    ) -> Any:
        """A timm model; a changed input size is passed to timm if the model is made for a fixed size.

        For a name with hf-hub: or local-dir:, whether the size is fixed is known only once the model is made. `architecture`
        is timm's name for such a model, if known.
        """
        import timm

        size = changes.get("input_size")
        sized: dict[str, Any] = {}
        if size is not None:
            sized = {"img_size": (size, size) if isinstance(size, int) else tuple(size)}
        if ":" not in self.model:
            config = timm.get_pretrained_cfg(self.model)
            fixed = config is not None and config.fixed_input_size
            return timm.create_model(self.model, **(sized if fixed else {}), **options)
        architecture = architecture or self.model
        model: Any = timm.create_model(architecture, **options)
        if sized and model.pretrained_cfg.get("fixed_input_size"):
            model = timm.create_model(architecture, **sized, **options)
        return model

    def _classifying(self, model: Any) -> Any:
        """The model; a `UserError` if it has no classifier."""
        if not hasattr(model, "get_classifier"):
            raise UserError(
                f"timm's {self.model} is not a classifier, so it has no embedding to use"
            )
        return model

    def _repository(self) -> str | None:
        """The repository of the weights on Hugging Face's hub."""
        import timm

        if self.model.startswith("hf-hub:"):
            return self.model.removeprefix("hf-hub:")
        config = timm.get_pretrained_cfg(self.model)
        name = config.hf_hub_id if config else None
        return f"{name}{self.model}" if name and name.endswith("/") else name

    def _remedy(self) -> str:
        """Advice for weights that cannot be fetched, as the end of a message."""
        if self.model.startswith(LOCAL_FOLDER):
            return "; the folder needs config.json and model.safetensors or pytorch_model.bin, as timm.models.save_for_hf writes them"
        repository = self._repository()
        if not repository:
            return f"; download them elsewhere and give the file as checkpoint (--checkpoint). {advice()}"
        if self.model.startswith("hf-hub:"):  # a checkpoint alone does not name the architecture
            return (
                f"; get config.json and model.safetensors from https://huggingface.co/{repository}/tree/main elsewhere, put "
                f"them into a folder and name the model local-dir:FOLDER. {advice()}"
            )
        return (
            f"; get https://huggingface.co/{repository}/resolve/main/model.safetensors elsewhere and give the file as "
            f"checkpoint (--checkpoint). {advice()}"
        )
