"""Run the three services on this machine under one process manager: ``python -m clip_branches.serve``.

Ports and folders come from the services' settings (SEARCH_PORT, DATA_PORT, WEB_PORT, DATA_DIR, ...), so that two
platforms can run side by side. Ctrl-C ends all three services; when one of them dies, so do the others.
"""

from __future__ import annotations

import os
import socket
import subprocess  # nosec B404 - of our own commands, never through a shell
import sys
import threading
import time
from pathlib import Path

import click
import requests
from honcho.manager import Manager
from honcho.printer import Message, Printer

from clip_branches.access import check_exposure
from clip_branches.errors import ClipBranchesError, ConfigurationError
from clip_branches.settings import DataSettings, SearchSettings, ServiceSettings, WebSettings

READY_TIMEOUT_S = 180.0
_STOPPED_BY_USER = (130, 143)


class _ServiceOutput(Printer):  # type: ignore[misc]
    """The services' own lines; the process manager's chatter about pids is left out."""

    def write(self, message: Message) -> None:
        if message.name != "system":
            super().write(message)


@click.command(help=__doc__)
@click.option("--demo", is_flag=True, help="Build the demo catalogue first if it is missing or out of date.")
def serve(demo: bool) -> None:
    try:
        settings: list[ServiceSettings] = [SearchSettings.load(), DataSettings.load(), WebSettings.load()]
        for service in settings:
            check_exposure(service)
        _require_free_ports(settings)
    except ClipBranchesError as error:
        raise click.ClickException(error.message) from error
    if demo:
        _build_demo_catalogue(settings[0].data_dir)
    sys.exit(_run(settings))


def _require_free_ports(settings: list[ServiceSettings]) -> None:
    for service in settings:
        variable = f"{service.service.upper()}_PORT"
        with socket.socket() as probe:
            # The server binds with SO_REUSEADDR too, so a port in TIME_WAIT counts as free here as it does there.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((service.host, service.port))
            except OSError as error:
                raise ConfigurationError(
                    f"Port {service.port} of the {service.service} service cannot be used ({error.strerror}): "
                    f"stop what listens there or choose another, for instance {variable}={service.port + 100}."
                ) from error
    ports = [service.port for service in settings]
    if len(set(ports)) < len(ports):
        raise ConfigurationError(f"The three services need three different ports, got {ports}.")


def _build_demo_catalogue(data_dir: Path) -> None:
    """Build what is missing or no longer fits the demo model; a whole catalogue is left as it is, in seconds."""
    command = [sys.executable, "-m", "preprocessing", "demo", "--data-dir", str(data_dir)]
    try:
        code = subprocess.run(command, check=False).returncode  # nosec B603 - our own command, no shell
    except KeyboardInterrupt:
        code = 130
    if code:
        raise click.ClickException("The demo catalogue was not built; the next run goes on where this one stopped.")


def _run(settings: list[ServiceSettings]) -> int:
    """Start the services, say when they are ready, and wait until they end; their exit status."""
    search, data, web = settings
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        "WEB_SEARCH_URL": os.environ.get("WEB_SEARCH_URL", f"http://127.0.0.1:{search.port}"),
        "WEB_DATA_URL": os.environ.get("WEB_DATA_URL", f"http://127.0.0.1:{data.port}"),
    }
    manager = Manager(_ServiceOutput(sys.stdout))
    for service in settings:
        package = f"{service.service}_service"
        command = f"{sys.executable} -m gunicorn -c python:{package}.gunicorn_conf '{package}.app:create_app()'"
        manager.add_process(service.service, command, env=environment)
    address = f"http://localhost:{web.port}"
    threading.Thread(target=_announce, args=(address, f"http://127.0.0.1:{web.port}/readyz"), daemon=True).start()
    manager.loop()
    code = int(manager.returncode or 0)
    if code not in _STOPPED_BY_USER:
        click.echo("A service ended by itself; all were stopped. Its last lines above say why.", err=True)
        return code or 1
    click.echo("All three services have stopped.")
    return 0


def _announce(address: str, ready_url: str) -> None:
    click.echo("Starting the search, data and web services ...")
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if requests.get(ready_url, timeout=2).status_code == 200:
                click.echo(f"\n  CLIP-Branches is ready: {address}\n  Ctrl-C ends it.\n")
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    click.echo(f"The services are not ready after {READY_TIMEOUT_S:.0f} s; {ready_url} says why.", err=True)


if __name__ == "__main__":
    serve()
