"""A zero byte in a form is refused at the door: no database can keep it."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("method", "data"), [("get", {"next": "/\0"}), ("post", {"address": "138\0"})])
def test_it_is_refused_in_words(client: Client, method: str, data: dict[str, str]) -> None:
    answer = getattr(client, method)("/login/", data)
    assert answer.status_code in (302, 400)
    if method == "get":
        assert answer.status_code == 400
