"""Text messages. SMS_PORT chooses the adapter: demo, console or http."""

import json
import sys
from collections.abc import Callable
from urllib.request import Request, urlopen

from django.conf import settings

from alliance.ports import outbox

TIMEOUT_SECONDS = 5


def _demo(phone: str, text: str) -> None:
    outbox.keep(to=phone, subject="", text=text)


def _console(phone: str, text: str) -> None:
    """For developers: on the terminal, never through the log, which must not hold phone numbers or codes."""
    sys.stderr.write(f"text message to {phone}: {text}\n")


def _http(phone: str, text: str) -> None:
    """POST {"to", "text"} as JSON to SMS_GATEWAY_URL with a bearer token; any answer but 2xx raises."""
    request = Request(  # noqa: S310 - the operator's own gateway, https in production
        settings.SMS_GATEWAY_URL,
        data=json.dumps({"to": phone, "text": text}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {settings.SMS_GATEWAY_TOKEN}"},
        method="POST",
    )
    with urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
        pass


ADAPTERS: dict[str, Callable[[str, str], None]] = {"demo": _demo, "console": _console, "http": _http}


def send(phone: str, text: str) -> None:
    """Send one text message now; raises OSError when the gateway does not take it."""
    ADAPTERS[settings.SMS_PORT](phone, text)
