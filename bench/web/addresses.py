"""The product's addresses and the bare view."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from alliance import access
from alliance.urls import urlpatterns as product
from points.models import Wallet


@access.public
def bare(_request: HttpRequest, wallet: int) -> JsonResponse:
    """Answer with one row, found by its key."""
    balance = Wallet.objects.filter(pk=wallet).values_list("balance", flat=True).get()
    answer = JsonResponse({"wallet": wallet, "balance": balance})
    answer["Content-Length"] = str(len(answer.content))
    return answer


urlpatterns = [path("bare/<int:wallet>", bare), *product]
