"""A member who is signed in, and one who is somebody else."""

from datetime import date

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from django.utils.formats import date_format

from members.models import Member
from tests.factories import members


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def lin() -> Member:
    """林婶, who has been a member for a long time."""
    return members.member(name="林婶", at=members.LONG_AGO)


@pytest.fixture
def zhou() -> Member:
    """小周, who is new."""
    return members.member(name="小周")


@pytest.fixture
def page(lin: Member) -> Client:
    """The browser of 林婶, in English so that words can be compared."""
    return browser(lin)


def browser(member: Member, language: str = "en") -> Client:
    client = Client()
    client.cookies["language"] = language
    client.force_login(member.user)
    return client


def day(*parts: int) -> str:
    """Return a day as the English pages write it."""
    with translation.override("en"):
        return date_format(date(*parts), "DATE_FORMAT")
