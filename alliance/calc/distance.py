"""Distances on the globe."""

from math import asin, cos, radians, sin, sqrt

EARTH_METRES = 6_371_008.8


def metres(lng1: float, lat1: float, lng2: float, lat2: float) -> float:
    """Return the great-circle distance between two points in degrees (haversine, mean earth radius)."""
    phi1, phi2 = radians(lat1), radians(lat2)
    a = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lng2 - lng1) / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(a)))
