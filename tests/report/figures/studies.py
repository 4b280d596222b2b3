"""Studies of known scores, to draw."""

from itertools import product

import numpy as np
import pandas as pd

from imprint.analysis import selection
from imprint.analysis.frames import compact
from imprint.report.figures import FIGURES

L2 = ("l2", "l2", "l2", "max", "inner_product", None, None)


NONE = ("none", "none", "none", "max", "inner_product", None, None)


NEAREST = ("none", "none", "none", "mnn", "euclidean", "uniform", 1)


KEYS = selection.CONFIGURATION


def preset(label, gen, k, configuration):
    return {
        "label": label,
        "gen": gen,
        "k": k,
        "published": 90.0,
        **dict(zip(KEYS, configuration, strict=True)),
    }


PRESETS = {
    "qi": preset("Qi et al. 2018", "mean", 1, L2),
    "janson": preset("Janson et al. 2022", "mean", 1, NEAREST),
    "westerhoff": preset("Westerhoff et al. 2025", "kmeans", 20, L2),
    "oracle": preset("Oracle (least squares)", "ls", 1, NONE),
}


KS = {"mean": [1], "kmeans": [1, 2, 3, 5, 10, 20], "random": [1, 5, 20], "all": [None], "ls": [1]}


def with_intervals(scores):
    """Scores with an interval of four points below each accuracy and three above."""
    accuracy = scores["accuracy"]
    return scores.assign(accuracy_low=accuracy - 0.04, accuracy_high=accuracy + 0.03)


def study(fms, plain, ds, configurations=(L2, NONE, NEAREST), draws=2, seeds=2, shots=("full",)):
    """Scores and collapse of a study of ten classes in which more proxies help where NC1 is high, and more samples everywhere."""
    rng = np.random.default_rng(0)
    tasks = [(name, name, None, 0, nc1) for name, nc1 in plain.items()]
    tasks += [
        (f"glyphs-d{d}", "glyphs-d", d, draw, 0.4 * d + 0.02 * draw)
        for d in ds
        for draw in range(draws)
    ]
    scores, collapse = [], []
    for fm in fms:
        for task, family, d, draw, nc1 in tasks:
            keys = {"fm": fm, "task": task, "family": family, "d": d, "draw": draw}
            split = {"split": "train", "samples": 600, "training_samples": 600}
            collapse.append({**keys, **split, "test_samples": np.nan, "nc1": nc1})
            for gen, ks in KS.items():
                for k in ks:
                    gain = 0.07 * nc1 * (1 - 1 / (k or 50)) + {"ls": 0.2, "random": -0.1}.get(
                        gen, 0
                    )
                    for i, n, seed in product(range(len(configurations)), shots, range(seeds)):
                        less = 0 if n == "full" else 0.3 / n
                        accuracy = (
                            0.85 - 0.07 * nc1 + gain - 0.02 * i - less + 0.005 * rng.uniform()
                        )
                        seconds = 0.001 * (k or 50) * (1 + seed)
                        method = (gen, k, *configurations[i])
                        proxies = 10 * (k or (60 if n == "full" else n))
                        scores.append(
                            (*keys.values(), n, *method, seed, accuracy, proxies, seconds)
                        )
    columns = [*keys, "shots", "gen", "k", *KEYS, "seed", "accuracy", "proxies", "seconds"]
    whole = dict.fromkeys(["d", "draw", "k", "m"], "Int64")
    frame = with_intervals(pd.DataFrame(scores, columns=columns).astype(whole))
    collapse = pd.DataFrame(collapse).astype({"d": "Int64", "draw": "Int64"})
    return compact(frame.astype({"shots": str})), collapse


DIGITS = {"digits-all": 3.1, "digits-even": 1.4, "digits-odd": 1.9, "digits-short": 0.8}


SMALL = study(["resnet", "convnext"], DIGITS, [1, 2, 3, 5])


LARGE = study(
    ["resnet50.tv_in1k", "vit_b_16.tv_in1k", "swin_b.tv_in1k"],
    {
        f"{name}-{part}": nc1
        for name, nc1 in (("mnist", 1), ("fashion", 2))
        for part in ("all", "even", "odd", "short")
    },
    range(1, 11),
    seeds=1,
)


ONE = study(["resnet"], {"digits-all": 3.0}, [2])


SHOTS = study(
    ["resnet", "convnext"], DIGITS, [], [L2], shots=[1, 2, 5, 10, 20, 50, "full"], seeds=3
)


def fms_of(scores):
    """FMs of several sizes and speeds; of the last one little is known."""
    names = list(scores["fm"].unique())
    known = len(names) - 1
    return pd.DataFrame(
        {
            "fm": names,
            "dimensions": [512 * 2**i for i in range(len(names))],
            "parameters": pd.array(
                [*[11_000_000 * 20**i for i in range(known)], None][: len(names)], "Int64"
            ),
            "images_per_second": [*[1234.5 / 30**i for i in range(known)], None][: len(names)],
            "device": [*["NVIDIA H100 80GB HBM3"] * known, None][: len(names)],
            "threads": pd.array([*[2] * known, None][: len(names)], "Int64"),
        }
    )


def draw_figure(name, data=SMALL, presets=PRESETS, **options):
    fms = [fms_of(data[0])] if FIGURES[name].needs_fms else []
    return FIGURES[name].draw(*data, presets, *fms, **options)
