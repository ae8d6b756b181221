"""Saved searches and collections: kept in a database, run again on a catalogue that has grown, combined, exported.

Layers, each of which imports only those below it: ``routes`` (HTTP), ``keeper`` (what can be done), ``searches`` and
``collections`` (rows), ``answers`` (what is asked of the services), ``database`` (connections, migrations, faults),
``tables``, ``algebra``, ``packed`` and ``schemas``. A linter holds them.
"""
