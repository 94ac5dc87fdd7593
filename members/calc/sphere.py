"""Distances on the earth, near enough for a walk: the sphere of equal volume."""

from math import asin, cos, radians, sin, sqrt

RADIUS = 6_371_008.8
METRES_PER_DEGREE = RADIUS * radians(1)


def metres(lat: float, lng: float, other_lat: float, other_lng: float) -> float:
    """Return the great-circle distance (haversine)."""
    north, east = radians(other_lat - lat), radians(other_lng - lng)
    part = sin(north / 2) ** 2 + cos(radians(lat)) * cos(radians(other_lat)) * sin(east / 2) ** 2
    return 2 * RADIUS * asin(min(1.0, sqrt(part)))
