"""The version of this library, which its files record."""

__version__ = "0.1.0"
