"""Which images of a source cannot be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from imprint.data.image_formats import UnreadableImage
from imprint.data.images import Images

THREADS = 4


def broken(images: Images) -> dict[str, str]:
    """Read every image; why one cannot be read, by its path."""

    def problem(i: int) -> str:
        try:
            images[i].load()
        except UnreadableImage as error:
            return str(error)
        except Exception as error:  # a damaged file raises nearly every class there is
            return f"{type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(THREADS) as pool:
        problems = enumerate(pool.map(problem, range(len(images))))
        return {images.path(i): reason for i, reason in problems if reason}
