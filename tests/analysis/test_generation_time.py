"""The one definition of generation time."""

import pandas as pd

from imprint.analysis.generation_time import generation_times


def test_a_set_counts_once_however_often_it_is_scored():
    one = {"fm": "net", "task": "t", "gen": "kmeans", "k": 5, "norm_pre": "l2", "draw": 0, "shots": "full", "proxies": 50}  # fmt: skip
    seconds = {1: 1.0, 2: 3.0, 3: 8.0}
    scored = {1: 1, 2: 1, 3: 9}  # rules that score the set of each seed
    rows = [{**one, "seed": seed, "seconds": seconds[seed]} for seed in seconds for _ in range(scored[seed])]  # fmt: skip
    (times,) = generation_times(pd.DataFrame(rows)).to_dict("records")
    assert (times["seconds"], times["proxies"]) == (3, 50)
