"""Nothing personal reaches a log, wherever in an event somebody puts it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from alliance import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the root handler writes, as JSON lines."""
    written = io.StringIO()
    handler = logging.getLogger().handlers[0]
    formatter, stream = handler.formatter, handler.stream
    logs.configure({"level": "INFO", "json": True})
    handler = next(one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler))
    handler.stream = written
    yield written
    handler.stream, handler.formatter = stream, formatter


def last(written: io.StringIO) -> dict[str, object]:
    return json.loads(written.getvalue().splitlines()[-1])


PERSONAL = [
    "13800138001",
    "+8613800138001",
    "138 0013 8001",
    "138-0013-8001",
    "86 13800138001",
    "+44 20 7946 0958",
    "lin.shen+tag@example.com.cn",
    "林婶@例子.cn",
    "123456789012345678",
    "1234 5678 9012 3456 78",
    "569830",
    "569-830",
    "lh_live_9fKq2LmZ0PqRs7TuVw",
    "lh_test_9fKq2LmZ0PqRs7TuVw.abc",
]


@pytest.mark.parametrize("secret", PERSONAL)
@pytest.mark.parametrize("frame", ["{}", "sent to {}", "“{}”：", "a={} b", "手机{}。", "({})"])
def test_text_is_masked(secret: str, frame: str) -> None:
    masked = logs.mask_text(frame.format(secret))
    assert secret not in masked
    assert "***" in masked
    digits = "".join(letter for letter in secret if letter.isdigit())
    assert digits not in "".join(letter for letter in masked if letter.isdigit()) or len(digits) < 4


@pytest.mark.parametrize(
    "text",
    ["PIN: 7382", "code=a1b2c3", "password is hunter2", "token: eyJ0eXAi.x1", "验证码：4711", "密码 8848", "key 9f0c"],
)
def test_labelled_secrets_are_masked(text: str) -> None:
    assert "***" in logs.mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "posted 1234 sales in 0.35 s",
        "2026-11-22T19:44:21",
        "¥123456.00",
        "sale 18001",
        "points_transfer_2026_11",
        "127.0.0.1:8000",
        "GET till_quote 200",
    ],
)
def test_plain_text_stays_readable(text: str) -> None:
    assert logs.mask_text(text) == text


@pytest.mark.parametrize("secret", PERSONAL)
def test_no_place_in_an_event_escapes(lines: io.StringIO, secret: str) -> None:
    log = logs.get("tests")
    log.info(
        "hello " + secret, plain=secret, deep={"list": [{"x": secret}], secret: 1}, pair=(secret, 1), number=secret
    )
    assert secret not in lines.getvalue()


def test_numbers_that_are_phones_or_codes_are_masked(lines: io.StringIO) -> None:
    logs.get("tests").info(
        "numbers", phone_number=13800138001, anything=13800138001, digits=123456789012345678, fen=268_00
    )
    line = last(lines)
    assert line["anything"] == line["phone_number"] == line["digits"] == "***"
    assert line["fen"] == 26800


@pytest.mark.parametrize(
    "name",
    [
        "pin",
        "old_pin",
        "code",
        "login_code",
        "password",
        "api_key",
        "Authorization",
        "phone",
        "email",
        "session_key",
        "card_number",
        "secret",
    ],
)
def test_fields_with_secret_names_are_masked_whatever_they_hold(lines: io.StringIO, name: str) -> None:
    logs.get("tests").info("fields", **{name: "harmless"})
    assert last(lines)[name] == "***"


def test_refusal_codes_are_not_secrets(lines: io.StringIO) -> None:
    logs.get("tests").info("refused", refusal_code="float_exhausted", status=409)
    assert last(lines)["refusal_code"] == "float_exhausted"


def test_tracebacks_and_other_peoples_loggers_are_masked(lines: io.StringIO) -> None:
    try:
        raise ValueError("no such phone 13800138001")
    except ValueError:
        logging.getLogger("some.library").exception("failed for %s", "lin@example.cn")
        logs.get("tests").exception("failed for lin@example.cn")
    assert "13800138001" not in lines.getvalue()
    assert "lin@example.cn" not in lines.getvalue()
    assert "ValueError" in lines.getvalue()


def test_the_request_id_stands_in_every_line(lines: io.StringIO) -> None:
    structlog.contextvars.clear_contextvars()
    logs.bind(request_id="abcdef0123456789")
    logging.getLogger("some.library").warning("one")
    logs.get("tests").warning("two")
    assert [json.loads(line)["request_id"] for line in lines.getvalue().splitlines()] == ["abcdef0123456789"] * 2
    structlog.contextvars.clear_contextvars()
