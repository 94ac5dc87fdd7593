"""Addresses below /api/v1/."""

from django.urls import path

from merchants.api.balances import BalanceView
from merchants.api.batches import BatchView
from merchants.api.bills import SaleView, SpendView
from merchants.api.holds import CaptureView, HoldsView, HoldView, ReleaseView
from merchants.api.identify import IdentifyView
from merchants.api.outlets import MeView, OutletsView
from merchants.api.quotes import QuoteView
from merchants.api.refunds import RefundPreviewView, RefundsView, RefundView
from merchants.api.schema import DocsView, SchemaView
from merchants.api.statements import StatementView
from merchants.api.voids import VoidView

app_name = "api"
urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("outlets", OutletsView.as_view(), name="outlets"),
    path("identify", IdentifyView.as_view(), name="identify"),
    path("members/balance", BalanceView.as_view(), name="balance"),
    path("quote", QuoteView.as_view(), name="quote"),
    path("sales", SaleView.as_view(), name="sales"),
    path("sales/batch", BatchView.as_view(), name="batch"),
    path("sales/<int:sale_id>/void", VoidView.as_view(), name="void"),
    path("sales/<int:sale_id>/refund", RefundView.as_view(), name="refund"),
    path("sales/<int:sale_id>/refund/preview", RefundPreviewView.as_view(), name="refund_preview"),
    path("sales/<int:sale_id>/refunds", RefundsView.as_view(), name="refunds"),
    path("spends", SpendView.as_view(), name="spends"),
    path("holds", HoldsView.as_view(), name="holds"),
    path("holds/<int:hold_id>", HoldView.as_view(), name="hold"),
    path("holds/<int:hold_id>/capture", CaptureView.as_view(), name="hold_capture"),
    path("holds/<int:hold_id>/void", ReleaseView.as_view(), name="hold_void"),
    path("statement", StatementView.as_view(), name="statement"),
    path("openapi.json", SchemaView.as_view(), name="openapi"),
    path("docs", DocsView.as_view(), name="docs"),
]
