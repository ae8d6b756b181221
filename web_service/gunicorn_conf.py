"""Gunicorn's configuration of the web service: ``gunicorn -c python:web_service.gunicorn_conf``."""

from __future__ import annotations

from clip_branches.service import gunicorn_options
from clip_branches.settings import WebSettings

globals().update(gunicorn_options(WebSettings.load()))
