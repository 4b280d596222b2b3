"""Optional packages: those of each extra, and how to install a missing one."""

# the packages that each extra of the distribution installs, by import name
EXTRAS = {
    "fm": ("PIL", "huggingface_hub", "pooch", "timm", "torch", "torchvision", "tqdm"),
    "study": (
        "altair",
        "docutils",
        "fontTools",
        "itables",
        "jinja2",
        "matplotlib",
        "pyarrow",
        "pydantic",
        "pygments",
        "seaborn",
        "snakemake",
        "tabulate",
        "vl_convert",
        "yaml",
    ),
    "heif": ("pi_heif",),
    "huggingface": ("datasets",),
    "onnx": ("onnx", "onnxscript"),
    "pam": ("kmedoids",),
}


def not_installed(package: str) -> str | None:
    """One line on how to install a missing package of an extra; None for any other package."""
    name = package.partition(".")[0]
    for extra, packages in EXTRAS.items():
        if name in packages:
            return (
                f"this needs the package '{name}', which is not installed; "
                f"run: pip install 'weight-imprinting[{extra}]'"
            )
    return None
