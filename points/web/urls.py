from django.urls import path

from points.web import reserve

urlpatterns = [
    path("reserve/", reserve.page, name="reserve"),
    path("reserve.json", reserve.document, name="reserve_json"),
    path("reserve/verify_proof.py", reserve.script, name="reserve_script"),
]
