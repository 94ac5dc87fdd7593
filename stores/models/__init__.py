from stores.models.feed import BasketLine, Feed, FeedLane, FeedRefusal, FeedRun
from stores.models.product import Product
from stores.models.store import Store

__all__ = ["BasketLine", "Feed", "FeedLane", "FeedRefusal", "FeedRun", "Product", "Store"]
