"""The report of a run: one HTML file that needs nothing else, with example pictures of kept and dropped."""

from preprocessing.reporting.page import write_report

__all__ = ["write_report"]
