"""Structured logs: one JSON object per line, with the request's id, without personal data.

Every event passes `mask` last, after exceptions were turned into text, so that nobody has to remember it: whatever
looks like a phone number, an e-mail address, a code, a key or a PIN is replaced, wherever in the event it stands.
"""

from __future__ import annotations

import logging.config
import re
from typing import Any

import structlog

HIDDEN = "***"

# Fields that are secret whatever they hold. Compared with the last words of a field's name.
_SECRET_FIELD = re.compile(
    r"(?:^|_|-)(?:pin|code|otp|password|passwd|secret|token|key|digits|phone|mobile|email|mail|card|number|cookie|cookies"
    r"|authorization|sessionid|csrftoken|signature|credential|credentials)$",
    re.IGNORECASE,
)
# Names that end like a secret and are none.
_PLAIN_FIELD = frozenset({"status_code", "refusal_code", "metric_code", "trade_code", "error_code"})

_LABELLED = re.compile(
    r"(?i)(\b(?:pin|code|otp|password|secret|token|api[ _-]?key|key|authorization|bearer)\b"
    r"|验证码|会员码|核对码|密码|密钥|口令)"
    r"([\"']?\s*(?:[:=：]|\bis\b|是|为)?\s*[\"']?(?:bearer\s+)?)(?=[^\s\"',;}]*\d)[^\s\"',;}]+"
)
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*")
_API_KEY = re.compile(r"\b[a-z]{2,8}_(?:live|test)_[A-Za-z0-9_\-.]+", re.ASCII)
_PHONE = re.compile(r"(?<!\d)(?:\+?\d{1,3}[ -]?)?1[3-9]\d(?:[ \-.]?\d){8}(?!\d)")
_INTERNATIONAL = re.compile(r"\+\d(?:[ \-.]?\d){6,14}(?!\d)")
_LONG_NUMBER = re.compile(r"(?<![\w.\-])\d(?:[ \-]?\d){14,}(?![\w\-])", re.ASCII)
_SHORT_CODE = re.compile(r"(?<![\w.,:/\-¥#])\d{3}-?\d{3}(?![\w\-]|[.,:/]\d)", re.ASCII)

_CHINESE_MOBILE = range(13_000_000_000, 20_000_000_000)
_LONG_CODE = 10**14


def mask_text(text: str) -> str:
    """Return the text with everything personal or secret replaced by ***."""
    text = _API_KEY.sub(HIDDEN, text)
    text = _EMAIL.sub(HIDDEN, text)
    text = _LABELLED.sub(rf"\1\2{HIDDEN}", text)
    for pattern in (_PHONE, _INTERNATIONAL, _LONG_NUMBER, _SHORT_CODE):
        text = pattern.sub(HIDDEN, text)
    return text


def _masked(value: Any) -> Any:
    match value:
        case bool() | None | float():
            return value
        case int():
            return HIDDEN if value in _CHINESE_MOBILE or value >= _LONG_CODE else value
        case str():
            return mask_text(value)
        case dict():
            return {mask_text(str(name)): _field(str(name), inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(inner) for inner in value]
        case _:
            return mask_text(str(value))


def _field(name: str, value: Any) -> Any:
    if value in (None, "", True, False):
        return value
    if _SECRET_FIELD.search(name) and name not in _PLAIN_FIELD:
        return HIDDEN
    return _masked(value)


# Written by ourselves, never by a caller; the request's id is checked when it comes in.
_OURS = frozenset({"level", "timestamp", "logger", "request_id", "user_id", "status", "milliseconds", "method"})


def mask(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace personal data anywhere in an event. Must be the last processor before the renderer."""
    return {name: value if name in _OURS else _field(name, value) for name, value in event.items()}


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(options: dict[str, Any]) -> None:
    """Set up logging for structlog and for everybody who uses the standard library. Called by Django at start."""
    as_json = options["json"]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": _SHARED,
                    "processors": [
                        _without_live_objects,
                        structlog.processors.format_exc_info,
                        mask,
                        renderer,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                # Django has put a handler of its own here, which would print everything a second time, unmasked.
                "django": {"handlers": [], "level": options["level"], "propagate": True},
                # Our own line per request says it better, and without the path.
                "django.server": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
                "django.request": {"level": "ERROR"},
                "django.db.backends": {"level": "INFO"},
            },
        }
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _without_live_objects(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Drop what only the formatter needs."""
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def bind(**context: Any) -> None:
    """Add to every log line of this request or task."""
    structlog.contextvars.bind_contextvars(**context)


def get(name: str) -> Any:
    return structlog.get_logger(name)
