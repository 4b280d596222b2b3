"""The FM source `pretrained`: small models that a study pre-trains itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.fm.registry import FMSource, fm_source

if TYPE_CHECKING:
    from imprint.fm.embedder import Embedder


@fm_source("pretrained")
class PretrainedModel(FMSource):
    """A model of `imprint.fm.pretrain`, from the file that its training wrote."""

    needs_model_name = False
    has_tokens = True

    def load(self, changes: Mapping[str, Any]) -> Embedder:
        """The model; see `FMSource.load`."""
        import timm

        from imprint.fm.checkpoints import fill, read_facts, read_state
        from imprint.fm.embedder import timm_embedder
        from imprint.fm.transforms import make_transform

        if self.checkpoint is None:
            raise UserError(
                "an FM of source 'pretrained' needs a checkpoint, the file that its training wrote"
            )
        state, facts = read_state(self.checkpoint), read_facts(self.checkpoint)
        if "classes" not in facts:
            raise UserError(
                f"checkpoint {self.checkpoint} is not a file of imprint's pre-training (no metadata)"
            )
        if not timm.is_model(str(facts.get("model"))):
            raise UserError(
                f"checkpoint {self.checkpoint}: timm has no model '{facts.get('model')}'"
            )
        model: Any = timm.create_model(facts["model"], num_classes=len(facts["classes"]))
        fill(model, state, self.checkpoint)
        return timm_embedder(
            model,
            make_transform(facts, changes),
            {"source": "pretrained", "model": facts["model"]},
            facts["weight_decay"],
            self.pooling,
        )
