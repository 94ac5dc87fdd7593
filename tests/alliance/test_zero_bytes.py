"""A zero byte in a form is refused at the door: no database can keep it."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_it_is_refused_in_words(client: Client) -> None:
    answer = client.post("/login/", {"address": "138\0"})
    assert answer.status_code == 400
    assert "零字节" in answer.content.decode()


def test_a_search_for_one_finds_nothing(client: Client) -> None:
    assert client.get("/login/", {"next": "/\0"}).status_code == 200
