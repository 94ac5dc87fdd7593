"""Addresses of the merchants' face."""

from django.urls import path

from merchants.web import floats, holds, keys, posters, receipts, refunds, shop, team, till

urlpatterns = [
    path("till/", till.till, name="till"),
    path("till/quote/", till.quote, name="till_quote"),
    path("till/recent/", refunds.recent, name="till_recent"),
    path("till/outlet/", till.choose_outlet, name="till_outlet"),
    path("till/sales/<int:number>/", till.receipt, name="till_receipt"),
    path("till/sales/<int:number>/void/", till.void, name="till_void"),
    path("till/holds/", holds.holds_page, name="till_holds"),
    path("till/holds/<int:number>/", holds.hold, name="till_hold"),
    path("till/holds/<int:number>/release/", holds.release, name="till_hold_release"),
    path("till/sales/<int:number>/refund/", refunds.refund, name="till_refund"),
    path("till/sales/<int:number>/refund/preview/", refunds.preview, name="till_refund_preview"),
    path("till/refunds/<int:number>/", refunds.refunded, name="till_refunded"),
    path("shop/", shop.shop, name="shop"),
    path("shop/sales/", receipts.sales, name="shop_sales"),
    path("shop/sales/export.csv", receipts.export, {"form": "csv"}, name="shop_sales_csv"),
    path("shop/sales/export.xlsx", receipts.export, {"form": "xlsx"}, name="shop_sales_xlsx"),
    path("shop/sales/<int:number>/", receipts.sale, name="shop_sale"),
    path("shop/float/", floats.float_page, name="shop_float"),
    path("shop/float/announce/", floats.announce, name="shop_topup"),
    path("shop/float/<int:number>/withdraw/", floats.withdraw, name="shop_topup_withdraw"),
    path("shop/staff/", team.staff_page, name="shop_staff"),
    path("shop/staff/<int:number>/dismiss/", team.dismiss, name="shop_dismiss"),
    path("shop/outlets/", team.outlets_page, name="shop_outlets"),
    path("shop/outlets/<int:number>/poster/", posters.poster, name="shop_poster"),
    path("shop/keys/", keys.keys_page, name="shop_keys"),
    path("shop/keys/<int:number>/rotate/", keys.rotate, name="shop_key_rotate"),
    path("shop/keys/<int:number>/revoke/", keys.revoke, name="shop_key_revoke"),
]
