from django.urls import path

from members.web import code, home, joining, me, notices, places, proof, texts, wallet

_JOINING = [
    path("join/", joining.join, name="join"),
    path("agree/<slug:purpose>/", home.agree, name="agree"),
    path("texts/<slug:purpose>/", texts.text, name="text"),
    path("texts/<slug:purpose>/<slug:version>/", texts.text, name="text_version"),
]

_WALLET = [
    path("wallet/", wallet.entries, name="wallet"),
    path("wallet/entries/<int:journal_id>/", wallet.entry, name="entry"),
    path("wallet/lots/", wallet.lots, name="lots"),
    path("wallet/years/", wallet.year, name="wallet_this_year"),
    path("wallet/years/<int:year>/", wallet.year, name="wallet_year"),
    path("wallet/years/<int:year>/points.csv", wallet.year_file, {"form": "csv"}, name="wallet_year_csv"),
    path("wallet/years/<int:year>/points.xlsx", wallet.year_file, {"form": "xlsx"}, name="wallet_year_xlsx"),
    path("wallet/proof/", proof.proof, name="wallet_proof"),
    path("wallet/proof/<str:on>/", proof.proof, name="wallet_proof_day"),
    path("wallet/proof/<str:on>/proof.json", proof.proof_json, name="wallet_proof_json"),
]

_ME = [
    path("me/", me.me, name="me"),
    path("me/name/", me.rename, name="rename"),
    path("me/pin/", me.pin, name="pin"),
    path("me/code/", me.send_code, name="safety_code"),
    path("me/freeze/", me.freeze, name="freeze"),
    path("me/unfreeze/", me.unfreeze, name="unfreeze"),
    path("me/data/", me.export, name="export"),
]

_NOTICES = [
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read_all, name="notices_read"),
    path("notices/choice/", notices.choose, name="notices_choice"),
    path("notices/<int:notice_id>/", notices.open_notice, name="notice"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("code/", code.code, name="code"),
    path("code.json", code.code_json, name="code_json"),
    path("code/watch/", code.watch, name="code_watch"),
    path("places/", places.around, name="places"),
    path("places/<int:number>/", places.shop, name="place"),
    *_JOINING,
    *_WALLET,
    *_ME,
    *_NOTICES,
]
