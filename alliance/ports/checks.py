"""System checks of the doors: nothing may pretend to send in production."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from alliance.ports import mail, sms

PRETENDERS = ("demo", "console")


def _chosen() -> list[tuple[str, str, set[str]]]:
    return [
        ("SMS_PORT", settings.SMS_PORT, set(sms.ADAPTERS)),
        ("MAIL_PORT", settings.MAIL_PORT, set(mail.ADAPTERS)),
    ]


@register(Tags.security)
def ports_are_known_and_demo_only_in_the_demo(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse an unknown adapter, and one that shows codes on the page outside a demo."""
    found: list[CheckMessage] = []
    for name, value, known in _chosen():
        if value not in known:
            found.append(Error(f"{name}={value!r} is not one of {', '.join(sorted(known))}", id="alliance.E001"))
        elif value == "demo" and not settings.LIANHUI_DEMO:
            found.append(
                Error(
                    f"{name}=demo shows one-time codes on the page, and LIANHUI_DEMO is off",
                    hint="Choose a real adapter, or set LIANHUI_DEMO=true for a demonstration.",
                    id="alliance.E002",
                )
            )
    if settings.SMS_PORT == "http" and not settings.SMS_GATEWAY_URL.startswith(("https://", "http://")):
        found.append(Error("SMS_PORT=http needs SMS_GATEWAY_URL", id="alliance.E003"))
    return found


@register(Tags.security, deploy=True)
def nothing_pretends_in_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """`check --deploy` fails while the demo is on or a door leads nowhere."""
    found: list[CheckMessage] = [
        Error(f"{name}={value} sends nothing", hint="See docs/settings.md.", id="alliance.E004")
        for name, value, _known in _chosen()
        if value in PRETENDERS
    ]
    if settings.LIANHUI_DEMO:
        found.append(Error("LIANHUI_DEMO is on: the login page shows one-time codes", id="alliance.E005"))
    return found
