"""Gunicorn's configuration of the data service: ``gunicorn -c python:data_service.gunicorn_conf``."""

from __future__ import annotations

from clip_branches.service import gunicorn_options
from clip_branches.settings import DataSettings

globals().update(gunicorn_options(DataSettings.load()))
