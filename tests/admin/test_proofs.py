"""The proofs of reserves in the console: to look at, for whoever may see the book; the secret for nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance import metrics
from alliance.metrics import Scope
from points import proving
from points.models import Proof
from tests.admin.conftest import World
from tests.factories import staff

LIST = "admin:points_proof_changelist"


@pytest.fixture
def proof(world: World) -> Proof:
    made = proving.prove(at=timezone.now())
    assert made is not None
    return made


def test_it_works(as_finance: Client, proof: Proof) -> None:
    assert bytes(proof.root).hex()[:12] in as_finance.get(reverse(LIST)).content.decode()
    url = reverse("admin:points_proof_change", args=(proof.pk,))
    page = as_finance.get(url).content.decode()
    assert bytes(proof.root).hex() in page and bytes(proof.chain).hex() in page
    assert bytes(proof.secret).hex() not in page and repr(bytes(proof.secret)) not in page
    assert 'href="/reserve/"' in page
    assert as_finance.post(url, {"total_points": 1}).status_code in (403, 404)
    assert as_finance.get(reverse("admin:points_proof_add")).status_code == 403


def test_the_sidebar_leads_there(as_finance: Client, proof: Proof) -> None:
    assert reverse(LIST) in as_finance.get("/admin/").content.decode()


def test_who_may_not_see_the_book_may_not_see_them(world: World, proof: Proof) -> None:
    centre = staff.console(staff.colleague("centre_staff", world.a.centre))
    assert centre.get(reverse(LIST)).status_code == 403


def test_the_figures_know_how_old_the_last_one_is(world: World) -> None:
    def age() -> object:
        return metrics.registered()["proof_age"].compute(timezone.now(), Scope()).value

    assert age() == 10
    proving.prove(at=timezone.now() - timedelta(days=3))
    assert age() == 3
    proving.prove(at=timezone.now())
    assert age() == 0
