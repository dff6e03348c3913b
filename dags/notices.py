"""Tells people by mail, Slack or webhook that a run waits for them, failed, or is over its budget.

Addresses and secrets lie in Airflow's connections. A message that cannot be sent is logged, and the run goes on.
"""

from __future__ import annotations

import html
import logging
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf
from renderer_calls import call, templates
from webhook import WebhookNotifier

ALREADY_TOLD = "already told"  # the cause of an error that follows from one that people were told of
log = logging.getLogger(__name__)


def tell(event: str, text: str, context: Any) -> None:
    """Tell everybody whom the campaign, or `ADLOOM_NOTIFY`, names; `event`: waiting, approval, failed or budget."""
    try:
        run, link = context["dag_run"], _link(context["dag_run"])
        message = {"event": event, "dag": run.dag_id, "run": run.run_id, "text": text, "link": link}
        channels = _channels(context)
    except Exception:
        log.exception("nobody was told: %s", text)
        return
    for channel in channels:
        try:
            _notifier(channel, message)(context)
        except Exception:  # whatever is wrong with a mail server is no reason to stop rendering
            log.exception("%s was not told: %s", channel.partition(":")[0], text)


def tell_failure(context: Any) -> None:
    """Tell that a task failed for good, and why; Airflow calls this."""
    error = context.get("exception")
    cause = getattr(error, "cause", "")
    if cause != ALREADY_TOLD:
        tell("budget" if cause == "BudgetExceeded" else "failed", f"{context['ti'].task_id} failed: {error}", context)


def tell_spending(run: str, context: Any) -> None:
    """Tell people, once, that a run has spent more than its budget."""
    if news := call("tell_over_budget", run):
        tell("budget", news, context)


def _notifier(channel: str, message: dict[str, Any]) -> BaseNotifier:
    kind, _, address = channel.partition(":")
    if kind == "mail":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        words = f"<p>{_escaped(message['text'])}</p><p>{_escaped(message['link'])}</p>"
        subject = f"adloom: {message['dag']} {message['event']}"
        return SmtpNotifier(to=address, subject=subject, html_content=f"{{% raw %}}{words}{{% endraw %}}")
    if kind == "slack":
        return WebhookNotifier("adloom_slack", {"text": f"{message['dag']}: {message['text']}\n{message['link']}"})
    return WebhookNotifier("adloom_webhook", message)


def _channels(context: Any) -> tuple[str, ...]:
    from catalog.campaign_file import load_campaign
    from catalog.errors import CatalogError
    from renderer.settings import Settings

    name = context["params"].get("campaign")  # the watcher of catalogs is of no campaign
    try:
        own = load_campaign(templates() / name)[0].notify if name else ()
    except CatalogError:
        own = ()
    return own or Settings.from_environment().channels


def _link(run: Any) -> str:
    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{run.dag_id}/runs/{run.run_id}"


def _escaped(text: str) -> str:
    return html.escape(text.replace("{%", "{ %"))  # inside a raw block of Jinja
