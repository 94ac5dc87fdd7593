"""Phone numbers and e-mail addresses as people type them."""

import pytest

from alliance.calc import phone


@pytest.mark.parametrize(
    "typed",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+86 138 0013 8000",
        "0086-13800138000",
        "8613800138000",
        "１３８００１３８０００",
    ],
)
def test_it_works(typed: str):
    assert phone.e164(typed) == "+8613800138000"


def test_a_foreign_number_needs_its_country_code():
    assert phone.e164("+44 20 7946 0958") == "+442079460958"


@pytest.mark.parametrize(
    "typed", ["", "1380013800", "138001380000", "23800138000", "+86 12345678901", "+0123456789", "abc", "+", "💰"]
)
def test_anything_else_is_no_phone(typed: str):
    with pytest.raises(ValueError, match="not a"):
        phone.e164(typed)


def test_an_e_mail_address_is_kept_in_lower_case():
    assert phone.email(" Lin.Shen@Example.COM ") == "lin.shen@example.com"


@pytest.mark.parametrize(
    "typed", ["", "lin", "lin@", "@example.com", "lin@example", "lin @example.com", "lin@exa_mple.com", "a@b@c.de"]
)
def test_anything_else_is_no_e_mail_address(typed: str):
    with pytest.raises(ValueError, match="not an"):
        phone.email(typed)
