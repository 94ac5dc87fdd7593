"""The terms and the privacy notice: every version stays readable, in both languages."""

from __future__ import annotations

import pytest
from django.template.loader import get_template
from django.test import Client

from members import texts

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("purpose", ["terms", "privacy"])
def test_it_works(client: Client, purpose: str):
    answer = client.get(f"/texts/{purpose}/")
    assert answer.status_code == 200
    assert texts.in_force(purpose) in answer.content.decode()
    assert client.get(f"/texts/{purpose}/{texts.in_force(purpose)}/").status_code == 200


def test_both_languages_are_there_for_every_version():
    for purpose, versions in texts.VERSIONS.items():
        for version in versions:
            for language in ("zh-hans", "en"):
                get_template(texts.template_of(purpose, version, language) or "")


def test_the_text_is_in_the_language_of_the_reader(client: Client):
    assert "1积分永远等于1分钱" in client.get("/texts/terms/").content.decode()
    client.cookies["language"] = "en"
    assert "One point is always worth one fen" in client.get("/texts/terms/").content.decode()


@pytest.mark.parametrize("path", ["/texts/everything/", "/texts/terms/1999-01/", "/texts/terms/..%2f..%2fsettings/"])
def test_what_does_not_exist_is_404(client: Client, path: str):
    assert client.get(path).status_code == 404


def test_an_old_version_says_that_it_is_old(client: Client, monkeypatch):
    monkeypatch.setitem(texts.VERSIONS, "terms", ("2026-11", "2027-01"))
    client.cookies["language"] = "en"
    assert "no longer in force" in client.get("/texts/terms/2026-11/").content.decode()
