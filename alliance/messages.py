"""What we write to people's phones and mail boxes."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from alliance.ports import mail, sms
from alliance.ports.checks import PRETENDERS


def send_code(*, kind: str, to: str, code: str) -> None:
    """Send a one-time code in the active language, after the commit and outside the page when it really leaves."""
    facts = {"code": code, "name": settings.LIANHUI_NAME}
    # Translators: 【%(name)s】验证码：%(code)s，10 分钟内有效。我们不会向任何人索要验证码，请勿告诉他人。
    text = _("%(code)s is your code for %(name)s, good for 10 minutes. We never ask for it: tell it to nobody.") % facts
    # Translators: %(name)s 验证码
    subject = _("Your code for %(name)s") % facts
    _hand_over(kind, to, subject, text)


def send_text(*, to: str, text: str) -> None:
    """Send a notice to a phone, after the commit and outside the page when it really leaves."""
    _hand_over("phone", to, "", text)


def deliver(*, kind: str, to: str, subject: str, text: str) -> None:
    """Bring one message to its door now; raises OSError when the outside does not take it."""
    if kind == "phone":
        sms.send(to, text)
    else:
        mail.send(to, subject, text)


def _hand_over(kind: str, to: str, subject: str, text: str) -> None:
    from alliance.tasks import deliver_message

    port = settings.SMS_PORT if kind == "phone" else settings.MAIL_PORT
    if port in PRETENDERS:
        deliver(kind=kind, to=to, subject=subject, text=text)
        return
    transaction.on_commit(lambda: deliver_message.delay(kind, to, subject, text))
