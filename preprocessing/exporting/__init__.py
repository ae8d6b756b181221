"""Catalogues written for other programs: Parquet, CSV, webdataset, clip-retrieval."""

from preprocessing.exporting.command import ExportOptions, export_catalogue

__all__ = ["ExportOptions", "export_catalogue"]
