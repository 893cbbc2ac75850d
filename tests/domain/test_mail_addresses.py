"""Which addresses a mail can go to."""

from email.headerregistry import Address

import pytest

from domain.mail_addresses import is_mailable

GOOD = [
    "jo@hansen.example",
    "jo.o'neil+orders@mail.hansen.example",
    "a_b-c{1}|~@h.example",
    "jo@xn--mller-kva.example",
    "1@2.3",
]
BEYOND_ASCII = ["müller@hansen.example", "jo@müller.example", "山田@例え.テスト"]


@pytest.mark.parametrize("address", GOOD)
def test_a_plain_address_is_taken_as_every_reader_of_mail_reads_it(address: str) -> None:
    assert is_mailable(address)
    assert Address(addr_spec=address).addr_spec == address


@pytest.mark.parametrize("address", BEYOND_ASCII)
def test_an_address_may_have_letters_beyond_ascii(address: str) -> None:
    assert is_mailable(address)


@pytest.mark.parametrize(
    "address",
    [
        "a..b@x.example",
        ".a@x.example",
        "a.@x.example",
        "jo,hn@x.example",
        "<jo@h.example",
        "jo(x)@h.example",
        "jo@h.example(x)",
        '"jo"@h.example',
        "jo@h..example",
        "jo@h.example.",
        "jo@h",
        "jo@[127.0.0.1]",
        "jo@h.example;",
        "jo@h.example,ada@h.example",
        "a:b@x.example",
        "jo@ada@h.example",
        "@h.example",
        "jo@",
        "jo",
        "",
        "jo hansen@h.example",
        "jo@h.example\n",
        "jo\r\nBcc: ada@h.example",
        "jo\u2028x@h.example",
        "jo\u200b@h.example",
        "=?utf-8?q?jo?=@h.example",
        "jo\\@h.example",
    ],
)
def test_what_a_reader_of_mail_could_take_for_another_address_is_none(address: str) -> None:
    assert not is_mailable(address)
