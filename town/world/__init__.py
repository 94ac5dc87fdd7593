"""A synthetic county town, drawn from a seed: pure data, no database. `world.draw(scale, seed, today)` makes it.

Nothing here is a real person, shop or address; the streets are a drawing on a real map grid.
"""

from town.world.draw import SCALES, Layer, Person, Scale, Shop, World, draw

__all__ = ["SCALES", "Layer", "Person", "Scale", "Shop", "World", "draw"]
