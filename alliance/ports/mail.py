"""E-mail. MAIL_PORT chooses the adapter: demo, console or smtp (Django's EMAIL_* settings)."""

import sys
from collections.abc import Callable

from django.conf import settings
from django.core.mail import send_mail

from alliance.ports import outbox


def _demo(address: str, subject: str, text: str) -> None:
    outbox.keep(to=address, subject=subject, text=text)


def _console(address: str, subject: str, text: str) -> None:
    """For developers: on the terminal, never through the log, which must not hold addresses or codes."""
    sys.stderr.write(f"e-mail to {address}: {subject}\n{text}\n")


def _smtp(address: str, subject: str, text: str) -> None:
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])


ADAPTERS: dict[str, Callable[[str, str, str], None]] = {"demo": _demo, "console": _console, "smtp": _smtp}


def send(address: str, subject: str, text: str) -> None:
    """Send one e-mail now; raises OSError when the server does not take it."""
    ADAPTERS[settings.MAIL_PORT](address, subject, text)
