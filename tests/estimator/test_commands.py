"""`imprint.embed`, `imprint.compare` and `imprint.evaluate`: the commands as functions."""

import numpy as np
import pytest
from PIL import Image

import imprint
from imprint.errors import UserError
from imprint.store.embeddings import read_embeddings


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name, grey in (("dark", 20), ("light", 200)):
        (folder / name).mkdir()
        for i in range(4):
            Image.new("RGB", (16, 16), (grey + i, grey, grey)).save(folder / name / f"{i}.png")
    return folder


def test_images_become_embeddings_and_a_head(photos, tmp_path):
    embeddings = imprint.embed(photos, device="cpu", output=tmp_path / "photos.h5")
    assert embeddings.class_names == ("dark", "light") and embeddings.x.shape == (8, 1280)
    assert repr(embeddings).endswith("8 samples, 1280 values each; classes: dark, light>")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "photos.h5").x, embeddings.x)
    labels = np.array(embeddings.class_names)[embeddings.y]
    head = imprint.ImprintingClassifier(method="qi").fit(embeddings.x, labels)
    head.save(tmp_path / "head.safetensors", embeddings)
    found = imprint.evaluate(head, embeddings.x, labels)
    assert found.accuracy == 1 and found.confusions == ()
    # a head that was loaded knows its FM
    imprint.ImprintingClassifier.load(tmp_path / "head.safetensors").save(
        tmp_path / "b.safetensors"
    )
    table = imprint.compare(tmp_path / "photos.h5", folds=2)
    assert table["accuracy"].iloc[0] == 1


def test_what_there_is_to_import():
    assert {"ImprintingClassifier", "embed", "compare", "evaluate"} <= set(dir(imprint))
    with pytest.raises(UserError, match="does not exist"):
        imprint.embed("nowhere")
