"""Getting in: the login page, sessions by cookie, and what keeps other sites from using them.

Only in a service that asks who is there; an open one has no login page, sets no cookie and loads none of it but
``person`` and ``origin``. Layers, each of which imports only those below it: ``routes``, ``provider`` (OpenID Connect)
and ``sessions``, ``ended``, ``person`` and ``origin``.
"""
