"""Which edits of code run which jobs again: what decides their numbers, and nothing else."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imprint.data.sources import SOURCES
from imprint.fm.models import FM_SOURCES
from imprint.method.user_files import REGISTRIES
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.study import fingerprint
from imprint.study.job_components import codes
from imprint.study.parsed_code import parse

WORKFLOW = Path(__file__).parents[2] / "workflow"
SCRIPTS = WORKFLOW / "scripts"
LIBRARY = Path(fingerprint.__file__).parents[1]


def module_of(entry):
    return entry.__module__.removeprefix("imprint.")


# jobs by rule and component: the script, and the modules that the rule names
JOBS = {
    **{f"dataset {name}": ("dataset", module_of(entry)) for name, entry in SOURCES.items()},
    "pretrain on glyphs": ("pretrain", module_of(SOURCES["glyphs"])),
    **{
        f"embed {name} by {fm}": ("embed", module_of(FM_SOURCES[fm]), module_of(entry))
        for name, entry in SOURCES.items()
        for fm in FM_SOURCES
    },
    "adopt": ("adopt", "store.given_embeddings"),
    "proxies": ("proxies",),
    "evaluate": ("evaluate",),
    "collapse": ("collapse",),
    "collect": ("collect",),
    "fms": ("fms",),
    "summary": ("summary",),
    "explore": ("explore",),
    "report": ("report",),
    **{f"table {name}": ("table", entry.module) for name, entry in TABLES.items()},
    "head": ("head", "store.heads"),
    **{
        f"figure {name}": ("task_figure" if entry.shows_one_task else "figure", entry.module)
        for name, entry in FIGURES.items()
    },
    "tsne": ("tsne",),
    "samples": ("samples",),
    "predictions": ("predictions",),
}


# components of methods: they rerun the jobs of proxies and scores that use them
COMPONENTS = {
    f"{registry.kind} {name}": entry for registry in REGISTRIES for name, entry in registry.items()
}


def fingerprints():
    """The fingerprint of each of these jobs and components."""
    fingerprint.component_fingerprint.cache_clear()
    of_jobs = {
        name: fingerprint.fingerprint(
            SCRIPTS / f"{script}.py", *(f"imprint.{module}" for module in modules)
        )
        for name, (script, *modules) in JOBS.items()
    }
    return of_jobs | codes(COMPONENTS)


@pytest.fixture(scope="module")
def before():
    return fingerprints()


@pytest.fixture
def rerun(before, monkeypatch):
    """The jobs and components whose fingerprints change when files of the library are edited."""

    def edited(edits):
        """Edits by file, each a function that takes and returns the text of the file."""
        parsed = {}
        for file, edit in edits.items():
            original = (LIBRARY / file).read_text(encoding="utf-8")
            text = edit(original)
            assert text != original, file
            parsed[LIBRARY / file] = parse(text)
        read = fingerprint.read
        monkeypatch.setattr(
            fingerprint, "read", lambda path: parsed[path] if path in parsed else read(path)
        )
        after = fingerprints()
        return {name for name in before if after[name] != before[name]}

    return edited


def code(text):
    """One more line of code."""
    return text + "\nEDITED = 1\n"


def jobs(*starts):
    return {name for name in [*JOBS, *COMPONENTS] if name.startswith(starts)}


def gens(*names):
    return {f"GEN {name}" for name in names}


FIGURE = jobs("figure ")
# of rows and their columns: what all figures and tables are made from
ROWS = FIGURE - {f"figure {name}" for name in FIGURES.names(shows_one_task=True)} | jobs("table ")

SCORES = {"evaluate", "predictions", "GEN auto"}
DISTANCE = jobs("distance ")

RERUN = {
    "method/generate/centers.py": gens(
        "mean", "kmeans", "kmedoids", "pam", "minibatch_kmeans", "auto"
    ),
    "method/generate/least_squares.py": gens("ls", "kls"),
    "method/generate/samples.py": gens("fps", "cov_max", "random", "all"),
    "method/generate/proxy_sets.py": {"proxies", "evaluate", "GEN auto"},
    "method/generate/randomness.py": {"proxies", "evaluate"}
    | gens("mean", "kmeans", "kmedoids", "pam", "minibatch_kmeans", "auto")
    | gens("fps", "cov_max", "random", "all"),
    "method/generate/choose_k.py": {"proxies", "evaluate"},
    "method/generate/choose_method.py": {"GEN auto"},
    "method/normalize/whitening.py": {"NORM center", "NORM whiten", "GEN auto"},
    "method/normalize/quantiles.py": jobs("NORM quantile"),
    "method/normalize/fitted_norms.py": SCORES | {"proxies", "tsne", "head"},
    "method/scoring.py": SCORES,
    "method/engine.py": {"evaluate", "predictions"},
    "method/nearest.py": SCORES,
    "method/distances.py": SCORES | DISTANCE,
    "method/aggregations.py": SCORES | jobs("AGG "),
    "method/operands.py": SCORES | DISTANCE,
    "method/rankings.py": SCORES | DISTANCE,
    "method/strips.py": SCORES | DISTANCE,
    "method/kernels.py": SCORES | DISTANCE,
    "method/metrics.py": {"evaluate", "predictions"},
    "method/collapse.py": {"collapse"},
    "fm/transforms.py": jobs("embed ", "pretrain "),
    "fm/extract.py": jobs("embed "),
    "fm/timm_models.py": {name for name in jobs("embed ") if name.endswith("by timm")},
    "fm/pretrain.py": jobs("pretrain "),
    "data/sklearn.py": jobs("dataset sklearn", "embed sklearn "),
    "data/glyphs.py": jobs("dataset glyphs", "embed glyphs ", "pretrain "),
    "store/given_embeddings.py": {"adopt"},
    "store/heads.py": {"head"},
    "study/jobs/heads.py": {"head"},
    "study/jobs/scores.py": {"evaluate"},
    "study/jobs/fms.py": {"fms"},
    "method/presets.py": ROWS | {"summary", "explore"},
    "analysis/summary.py": {"summary"},
    "analysis/best.py": {"head", "predictions", "tsne"},
    "report/figures/nc1_over_d.py": {"figure nc1_over_d"},
    "report/figures/gallery.py": {"figure gallery"},
    "report/drawing/style.py": FIGURE | {"explore", "report"},
    "report/explorer.py": {"explore"},
    "report/tables/writing.py": jobs("table "),
}


@pytest.mark.parametrize("file", RERUN)
def test_code_reruns_what_it_decides_and_nothing_else(rerun, file):
    assert rerun({file: code}) == RERUN[file]


def test_code_that_decides_no_number_reruns_nothing(rerun):
    files = [
        "errors.py",
        "extras.py",
        "registry.py",
        "formatting.py",
        "store/version.py",
        "fm/progress.py",
        "fm/journal.py",
        "fm/models.py",
        "fm/registry.py",
        "data/sources.py",
        "data/registry.py",
        "data/retries.py",
        "method/user_files.py",
        "method/generate/registry.py",
        "method/generate/__init__.py",
        "method/normalize/__init__.py",
        "method/normalize/registry.py",
        "report/registry.py",
        "store/files.py",
        "store/block_cache.py",
        "store/measurements.py",
        "store/paths.py",
        "study/jobs/job.py",
        "study/jobs/workflow_report.py",
        "study/status.py",
        "study/doctor.py",
        "study/specs.py",
        "study/selections.py",
        "cli/heads.py",
        "estimator/classifier.py",
    ]
    assert rerun(dict.fromkeys(files, code)) == set()


def with_other_words(*replacements):
    """An edit that replaces the first match of each pattern."""

    def edit(text):
        for pattern, replacement in replacements:
            text, count = re.subn(pattern, replacement, text, count=1)
            assert count == 1, pattern
        return text

    return edit


def test_words_rerun_nothing(rerun):
    """Docstrings, types, comments and messages of three files, edited at once: one that counts would show."""
    edits = {
        "method/normalize/rows.py": with_other_words(
            (r"\A\"\"\"NORMs ", '"""Another docstring. '),
            (r"def l2\(.*\n    \"\"\"Rows", "\\g<0> and rows"),
            (r"def l2\(x: np.ndarray\) -> np.ndarray", "def l2(x: object)"),
            (r"\Z", "# a comment\n\n"),
        ),
        "method/normalize/quantiles.py": with_other_words(
            (r"needs the weights of the FM's own", "lacks the weights of its")
        ),
        "fm/extract.py": with_other_words((r"log\.info\(\"%s: ", "\\g<0>still ")),
    }
    assert rerun(edits) == set()


@pytest.mark.parametrize(
    ("face", "module"),
    [
        ("data/sources.py", "data.cifar_10"),
        ("report/figures/__init__.py", "report.figures.pie"),
        ("method/generate/__init__.py", "method.generate.medians"),
    ],
)
def test_a_new_component_of_the_library_reruns_nothing(rerun, face, module, tmp_path, monkeypatch):
    path = tmp_path / "new.py"
    path.write_text("x = 1\n")
    source = fingerprint.source
    monkeypatch.setattr(
        fingerprint, "source", lambda name: path if name == f"imprint.{module}" else source(name)
    )
    assert rerun({face: lambda text: f"{text}\nimport imprint.{module}\n"}) == set()


def test_rules_name_what_is_tested_here():
    rules = "".join(path.read_text() for path in (WORKFLOW / "rules").glob("*.smk"))
    assert set(re.findall(r'code_of\(\s*"(\w+)"', rules)) == {job[0] for job in JOBS.values()}


def test_rules_that_use_components_count_the_code_of_these():
    """An edit of a NORM changes heads and figures too, even if all scores stay as they are."""
    texts = [path.read_text() for path in (WORKFLOW / "rules").glob("*.smk")]
    rules = [rule for text in texts for rule in re.split(r"^rule ", text, flags=re.MULTILINE)]
    of_components = [rule for rule in rules if re.search(r"\bcomponents=", rule)]
    assert {rule.partition(":")[0] for rule in of_components} == {
        "proxies", "evaluate", "head", "tsne", "predictions",
    }  # fmt: skip
    assert all(re.search(r"\bcomponent_codes=", rule) for rule in of_components)


def test_the_users_files_count(tmp_path):
    """Without their comments, as all code."""
    file = tmp_path / "own.py"

    def of(text):
        file.write_text(text)
        fingerprint.read.cache_clear()
        fingerprint.component_fingerprint.cache_clear()
        return fingerprint.component_fingerprint("mine", str(file))

    first = of("def f(x):\n    return x + 1\n")
    assert of('"""Mine."""\ndef f(x):\n    return (x\n            + 1)  # one\n') == first
    assert of("def f(x):\n    return x + 2\n") != first


def test_a_component_without_a_module_is_a_mistake():
    with pytest.raises(ValueError, match=r"no module imprint\.nowhere"):
        fingerprint.fingerprint(SCRIPTS / "proxies.py", "imprint.nowhere")


# runs the imports of each script in a child of a process that has imported what many of them share
IMPORT_IN_CHILDREN = """
import json, os, sys
import h5py, matplotlib.pyplot, pandas, scipy.stats, sklearn.cluster
assert "torch" not in sys.modules
for script, imports in json.load(sys.stdin).items():
    if os.fork() == 0:
        exec(imports)
        print(script, "torch" in sys.modules, flush=True)
        os._exit(0)
    os.wait()
"""


def test_of_all_scripts_only_pretrain_imports_torch_at_its_start():
    """It takes seconds, in thousands of jobs; embed imports it in the branch that needs it."""
    imports = {}
    for path in SCRIPTS.glob("*.py"):
        body = ast.parse(path.read_text()).body
        statements = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        imports[path.stem] = "\n".join(map(ast.unparse, statements))
    command = [sys.executable, "-c", IMPORT_IN_CHILDREN]
    done = subprocess.run(
        command, input=json.dumps(imports), capture_output=True, text=True, check=True
    )
    with_torch = dict(line.split() for line in done.stdout.splitlines())
    assert with_torch.keys() == imports.keys(), done.stderr
    assert [script for script, answer in with_torch.items() if answer == "True"] == ["pretrain"]


def test_the_snakefile_starts_without_torch_and_scikit_learn():
    """Every job of a cluster parses the workflow: what it imports is paid thousands of times."""
    code = (
        "import sys; import imprint.study, imprint.study.fingerprint, imprint.study.startup, imprint.report.figures, imprint.report.tables;"
        "print([m for m in ('torch', 'sklearn', 'pandas', 'matplotlib', 'numba', 'h5py', 'scipy') if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


def test_a_module_that_a_users_file_imports_counts(tmp_path):
    gen, helper = tmp_path / "gen.py", tmp_path / "helper_of_gen.py"
    gen.write_text("from helper_of_gen import half\n")
    helper.write_text("import inner_of_gen\nhalf = 0.5\n")
    (tmp_path / "inner_of_gen.py").write_text("x = 1\n")
    assert [path.name for path in fingerprint.with_imported([gen])] == [
        "gen.py",
        "helper_of_gen.py",
        "inner_of_gen.py",
    ]


def test_a_module_that_is_imported_from_a_folder_above_counts(tmp_path):
    inner, files = tmp_path / "package_of_gen" / "inner", ["other.py", "beside.py", "inner/near.py"]
    inner.mkdir(parents=True)
    for file in files:
        (inner.parent / file).write_text("x = 1\n")
    (inner / "last.py").write_text(
        "from ..other import x\nfrom .. import beside\nfrom . import near\n"
    )
    gen = tmp_path / "gen.py"
    gen.write_text("from package_of_gen.inner.last import x\n")
    counted = {path.name for path in fingerprint.with_imported([gen])}
    assert counted == {"gen.py", "last.py", "other.py", "beside.py", "near.py"}


def test_folders_that_python_does_not_import_from_do_not_count(tmp_path, monkeypatch):
    """Another checkout of the library, and a second module of the same name."""
    first, other = tmp_path / "first", tmp_path / "other"
    for folder in (first, other):
        (folder / "imprint/method").mkdir(parents=True)
        (folder / "imprint/method/distances.py").write_text("x = (")
        (folder / "helper_of_gen.py").write_text("half = 0.5\n")
        monkeypatch.syspath_prepend(str(folder))
    gen = tmp_path / "gen.py"
    gen.write_text("import helper_of_gen\nfrom imprint.method.distances import DISTANCES\n")
    assert fingerprint.with_imported([gen]) == [gen, other / "helper_of_gen.py"]


def test_a_module_of_the_library_that_a_users_file_imports_counts(tmp_path, monkeypatch):
    file, distances = tmp_path / "gen.py", LIBRARY / "method" / "distances.py"
    file.write_text("from imprint.method.distances import DISTANCES\n")
    before = fingerprint.component_fingerprint("mine", str(file))
    read = fingerprint.read
    edited = parse(code(distances.read_text(encoding="utf-8")))
    monkeypatch.setattr(fingerprint, "read", lambda p: edited if p == distances else read(p))
    fingerprint.component_fingerprint.cache_clear()
    assert fingerprint.component_fingerprint("mine", str(file)) != before


def test_versions_of_packages_that_compute_count_where_they_are_imported(tmp_path):
    file = tmp_path / "gen.py"
    file.write_text("import json\nfrom sklearn.cluster import KMeans\nimport numpy as np\n")
    assert set(fingerprint.versions([file])) == {"numpy", "scikit-learn"}
