"""Extraction with the options of both its steps in one call, on the processor also where there is a GPU."""

from imprint.fm import extract as library
from imprint.fm.extraction import Extraction


def extract(embedder, images, output, *, device="cpu", batch_size=None, threads=1, **options):
    """`imprint.fm.extract.extract`; options: of `Extraction`."""
    extraction = Extraction(embedder, images, output, **options)
    library.extract(extraction, device=device, batch_size=batch_size, threads=threads)
