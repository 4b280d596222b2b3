"""The search on a device reads no value from it: it runs on arrays without values."""

import numpy as np
import pytest
import torch

from imprint.method.configuration import Scoring
from imprint.method.distances import DISTANCES
from imprint.method.nearest import Search, packs
from imprint.method.nearest_on_device import search_on_device
from imprint.method.scoring import CandidateHead, ranking_of


@pytest.mark.parametrize("distance", DISTANCES.names())
@pytest.mark.parametrize("m", [1, 3])
def test_nothing_is_read_from_the_device_before_the_end(monkeypatch, distance, m):
    monkeypatch.setattr("imprint.method.nearest.BLOCK_COLUMNS", 8)
    rng = np.random.default_rng(0)
    x, proxies = (rng.normal(size=(n, 5)).astype(np.float32) for n in (12, 20))
    scoring = Scoring("none", "l2", "mnn", distance, "uniform", m)
    ranking, queries = ranking_of(x, CandidateHead(proxies, np.arange(20), (scoring,)), scoring)
    search = Search(ranking, m)
    (pack,) = packs([search], len(x), 2**20)
    meta = torch.device("meta")  # tensors of shapes alone: a value that is asked for is an error
    numbers, products = search_on_device(queries.x, queries.lengths, pack, 2**9, meta)[search]
    assert numbers.shape == products.shape == (12, m)
    with pytest.raises(NotImplementedError, match="no data"):
        numbers.cpu()
