"""Find the images of a source that cannot be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from imprint.data.image_formats import UnreadableImage
from imprint.data.images import Images

THREADS = 4


def broken(images: Images) -> dict[str, str]:
    """Read every image; the reasons why images cannot be read, by path."""

    def problem(i: int) -> str:
        try:
            images[i].load()
        except UnreadableImage as error:
            return str(error)
        except Exception as error:  # damaged files raise nearly every class of exception
            return f"{type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(THREADS) as pool:
        problems = enumerate(pool.map(problem, range(len(images))))
        return {images.path(i): reason for i, reason in problems if reason}
