"""Posts a message to an address that an Airflow connection holds."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

from airflow.sdk import BaseNotifier, Connection

TIMEOUT_S = 10.0


class WebhookNotifier(BaseNotifier):
    """Posts JSON to the address of a connection: its host, then its password if the address ends in a secret."""

    def __init__(self, conn_id: str, message: dict[str, Any]) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.message = message

    def notify(self, context: Any) -> None:
        """Post, once."""
        known = Connection.get(self.conn_id)
        port = f":{known.port}" if known.port else ""
        host = known.host or ""
        address = host if "://" in host else f"{known.schema or 'https'}://{host}{port}"
        url = f"{address.rstrip('/')}/{known.password}" if known.password else address
        if not re.match("https?://", url):
            raise ValueError(f"connection {self.conn_id}: its host is no web address")
        body = json.dumps(self.message, ensure_ascii=False).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 (checked above)
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310
