"""Serves the review dashboard from this process, behind Airflow's own login, and opens it in Chromium."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from conftest import ROOT, free_ports
from renderer.settings import Settings

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]


def token(user: str, role: str | None) -> str:
    """A login of Airflow's."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=role))


@contextlib.contextmanager
def serve(settings: Settings) -> Iterator[str]:
    """The address of the dashboard of a store, as long as the context lasts."""
    import uvicorn
    from airflow.api_fastapi.app import create_auth_manager
    from fastapi import FastAPI

    if str(ROOT / "dags" / "plugins") not in sys.path:
        sys.path.insert(0, str(ROOT / "dags" / "plugins"))
    create_auth_manager()
    from adloom_review.app import build_app

    port = free_ports(1)[0]
    app = FastAPI()
    app.mount("/adloom-review", build_app(settings))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}/adloom-review/"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def browser(url: str, user: str = "reviewer", role: str | None = "USER", **options) -> Iterator:
    """A page of Chromium that is logged in; an error in the page's script fails the test."""
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        if user:
            context.add_cookies([{"name": "_token", "value": token(user, role), "url": url, "sameSite": "Lax"}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        chromium.close()
    assert errors == []
