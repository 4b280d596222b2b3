"""The report: figures and tables of a study on one page that opens offline."""

from imprint.report.page.build import build

__all__ = ["build"]
