"""The operator's legal name, tax number and account name: on papers, in files, on the reserve page; missed in production."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client

from merchants.banks import plain
from merchants.banks.files import Header
from merchants.calc import creditcode
from merchants.checks import operator_is_named

CODE = "91330106MA2CDEFGH" + creditcode.check_character("91330106MA2CDEFGH")


def test_production_is_warned_of_what_is_not_said(settings: Any) -> None:
    settings.LIANHUI_DEMO = False
    settings.OPERATOR_NAME = settings.OPERATOR_TAX_NUMBER = settings.BANK_ACCOUNT_NAME = ""
    assert [str(each.id) for each in operator_is_named(None)] == [
        "merchants.operator_name_unset", "merchants.operator_tax_number_unset", "merchants.bank_account_name_unset",
    ]  # fmt: skip
    settings.OPERATOR_NAME = settings.BANK_ACCOUNT_NAME = "和安联惠运营有限公司"
    settings.OPERATOR_TAX_NUMBER = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
    assert [str(each.id) for each in operator_is_named(None)] == ["merchants.operator_tax_number_wrong"]
    settings.OPERATOR_TAX_NUMBER = CODE
    assert operator_is_named(None) == []
    settings.LIANHUI_DEMO, settings.OPERATOR_NAME = True, ""
    assert operator_is_named(None) == []


def test_a_payout_file_names_whose_account_pays() -> None:
    header = Header(12, date(2026, 11, 23), "工商银行", "6222")
    assert plain.write(header, []).startswith("H,LH1,12,2026-11-23,工商银行,6222\r\n".encode())
    named = Header(12, date(2026, 11, 23), "工商银行", "6222", "和安联惠运营有限公司")
    assert plain.write(named, []).startswith("H,LH1,12,2026-11-23,工商银行,6222,和安联惠运营有限公司\r\n".encode())


@pytest.mark.django_db
def test_the_reserve_page_names_the_operator(settings: Any) -> None:
    page = "/reserve/"
    settings.OPERATOR_NAME, settings.OPERATOR_TAX_NUMBER, settings.BANK_ACCOUNT_NAME = "", "", ""
    assert 'id="operator"' not in Client().get(page).content.decode()
    settings.OPERATOR_NAME, settings.OPERATOR_TAX_NUMBER = "和安联惠运营有限公司", CODE
    settings.BANK_ACCOUNT_NAME = "和安银行存管专户"
    shown = Client().get(page).content.decode()
    assert "和安联惠运营有限公司" in shown and CODE in shown and "和安银行存管专户" in shown
