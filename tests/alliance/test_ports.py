"""Messages that leave the house."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.utils import translation

from alliance import messages
from alliance.ports import mail as mail_port
from alliance.ports import outbox, sms

PHONE = "+8613800138001"


@pytest.fixture
def gateway(settings):
    """A text-message gateway on this machine that remembers what it was given."""
    taken: list[tuple[str, dict[str, str]]] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append((self.headers["Authorization"], body))
            self.send_response(503 if body["text"] == "busy" else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    settings.SMS_PORT, settings.SMS_GATEWAY_TOKEN = "http", "secret-token"
    settings.SMS_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}/send"
    yield taken
    server.shutdown()
    server.server_close()


def test_it_works(gateway):
    sms.send(PHONE, "hello")
    assert gateway == [("Bearer secret-token", {"to": PHONE, "text": "hello"})]


def test_a_gateway_that_refuses_is_an_error_to_try_again(gateway):
    with pytest.raises(OSError, match="503"):
        sms.send(PHONE, "busy")


@pytest.mark.django_db
def test_a_code_leaves_after_the_commit(gateway, settings, django_capture_on_commit_callbacks):
    settings.CELERY_TASK_ALWAYS_EAGER = True
    with django_capture_on_commit_callbacks() as waiting, translation.override("en"):
        messages.send_code(kind="phone", to=PHONE, code="123456")
        assert gateway == []
    assert len(waiting) == 1


def test_e_mail_goes_through_django(settings):
    settings.MAIL_PORT = "smtp"
    mail_port.send("lin@example.com", "Your code", "123456 is your code")
    (sent,) = mail.outbox
    assert (sent.to, sent.subject, sent.from_email) == (["lin@example.com"], "Your code", settings.DEFAULT_FROM_EMAIL)


def test_the_console_writes_to_the_terminal_and_not_to_the_log(settings, capsys, caplog):
    settings.SMS_PORT = settings.MAIL_PORT = "console"
    sms.send(PHONE, "123456 is your code")
    mail_port.send("lin@example.com", "Your code", "654321 is your code")
    written = capsys.readouterr().err
    assert PHONE in written
    assert "654321" in written
    assert caplog.records == []


def test_the_demo_keeps_the_last_message_for_the_page():
    outbox.keep(to=PHONE, subject="", text="first")
    outbox.keep(to=PHONE, subject="", text="second")
    assert outbox.last(PHONE) == {"subject": "", "text": "second"}
    assert outbox.last("+8613800138002") is None


def test_the_message_is_in_the_language_of_the_page():
    with translation.override("en"):
        messages.send_code(kind="email", to="lin@example.com", code="123456")
    kept = outbox.last("lin@example.com")
    assert kept is not None
    assert kept["text"].startswith("123456 is your code for")
