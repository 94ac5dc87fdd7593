"""The daily proofs of reserves, to look at: the figures of the public page. The secret of a day is shown nowhere."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.scoped import FrozenAdmin
from alliance.templatetags.lianhui import bps, thousands, yuan
from points.admin import reserve
from points.models import Account, Proof


@admin.register(Proof)
class ProofAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    icon = "verified"
    list_display = (
        "taken_on",
        "taken_at",
        "shown_points",
        "shown_custody",
        "shown_coverage",
        "shown_wallets",
        "bank_on",
        "shown_root",
    )
    ordering = ("-taken_on",)
    fields = (
        ("taken_on", "taken_at", "bank_on"),
        ("shown_points", "shown_custody", "shown_coverage", "shown_wallets"),
        "shown_parts",
        "whole_root",
        "whole_chain",
        "shown_page",
    )
    readonly_fields = (
        "shown_points",
        "shown_custody",
        "shown_coverage",
        "shown_wallets",
        "shown_parts",
        "whole_root",
        "whole_chain",
        "shown_page",
    )

    change_list_template = "admin/book/proofs.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("reserve/", view(partial(reserve.page, self)), name="points_proof_reserve"),
            path("reserve/<slug:part>.csv", view(partial(reserve.export, self)), name="points_proof_reserve_export"),
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("secret")

    @display(description=_("points"), ordering="total_points")
    def shown_points(self, proof: Proof) -> str:
        return thousands(proof.total_points)

    @display(description=_("custody"), ordering="custody_fen")
    def shown_custody(self, proof: Proof) -> str:
        return yuan(proof.custody_fen)

    # Translators: 兑付保障率
    @display(description=_("coverage"))
    def shown_coverage(self, proof: Proof) -> str:
        return bps(proof.custody_fen * 10_000 // proof.owed_fen) if proof.owed_fen else "–"

    @display(description=_("wallets"), ordering="wallets")
    def shown_wallets(self, proof: Proof) -> str:
        return thousands(proof.wallets)

    # Translators: 当日证明值
    @display(description=_("root"))
    def shown_root(self, proof: Proof) -> str:
        return f"{bytes(proof.root).hex()[:12]}…"

    @display(description=_("root"))
    def whole_root(self, proof: Proof) -> SafeString:
        return format_html("<code>{}</code>", bytes(proof.root).hex())

    # Translators: 链值
    @display(description=_("chain"))
    def whole_chain(self, proof: Proof) -> SafeString:
        return format_html("<code>{}</code>", bytes(proof.chain).hex())

    # Translators: 托管资金对应什么
    @display(description=_("what the money stands for"))
    def shown_parts(self, proof: Proof) -> SafeString:
        named = {kind.name.lower(): kind.label for kind in Account.Kind}
        rows = {**proof.published["owed_fen"], **proof.published["own_fen"]}
        lines = [(named.get(name, name), yuan(fen)) for name, fen in rows.items()]
        return format_html_join("", "{}: <span class='console-n'>{}</span><br>", lines)

    # Translators: 公开页面
    @display(description=_("public page"))
    def shown_page(self, proof: Proof) -> SafeString:
        return format_html('<a href="{0}">{0}</a>', reverse("reserve"))
