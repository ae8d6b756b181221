"""Gunicorn's configuration of the search service: ``gunicorn -c python:search_service.gunicorn_conf``."""

from __future__ import annotations

from clip_branches.service import gunicorn_options
from clip_branches.settings import SearchSettings

globals().update(gunicorn_options(SearchSettings.load()))
