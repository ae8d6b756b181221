"""Catalogues that grow: add, delete, compact, verify, info. Each change is one commit of a new generation."""
