"""Districts and streets on a map grid of true scale."""

from dataclasses import dataclass
from math import cos, radians, sqrt
from random import Random

CENTRE_LNG, CENTRE_LAT = 79.92, 37.11
METRES_PER_DEGREE = 111_195.0
BLOCK_METRES = 320
SPACING_METRES = 1300

_DISTRICTS = (
    "老街", "城东", "城西", "城南", "城北", "新区", "河湾", "车站", "玉河", "红柳", "胡杨", "果园",
    "桥头", "西关", "东关", "南园", "北园", "石榴", "白杨", "沙枣", "河西", "河东", "迎宾", "工业园",
)  # fmt: skip
# Where the first districts lie, east and north of the main square: 城东 is in the east.
_NEAR = ((0, 0), (1, 0), (-1, 0), (0, -1), (0, 1), (1, 1), (-1, -1), (1, -1), (-1, 1))
_EAST_WEST = (
    "人民路", "和平路", "建设路", "文化路", "团结路", "光明路",
    "迎宾大道", "滨河路", "解放路", "玉泉路", "胡杨路", "友谊路",
)  # fmt: skip
_NORTH_SOUTH = (
    "和安大街", "胜利街", "新华街", "朝阳街", "红柳街", "石榴街",
    "学府街", "车站街", "果园街", "长安街", "白杨街", "丝路街",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the map with its address: a subdistrict, and within it a street and a number."""

    district: int
    district_name: str
    lng: float
    lat: float
    address: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The town's districts: a name and a centre, in metres east and north of the main square."""

    districts: tuple[str, ...]
    centres: tuple[tuple[int, int], ...]

    def place(self, district: int, random: Random, spread_metres: int = 450) -> Place:
        """Return a place near the centre of a district, on its nearest street."""
        x, y = self.centres[district]
        east = x + random.gauss(0, spread_metres)
        north = y + random.gauss(0, spread_metres)
        if random.random() < 0.5:
            row = round(north / BLOCK_METRES)
            north, along, street = row * BLOCK_METRES + random.uniform(-6, 6), east, _EAST_WEST[row % 12]
        else:
            row = round(east / BLOCK_METRES)
            east, along, street = row * BLOCK_METRES + random.uniform(-6, 6), north, _NORTH_SOUTH[row % 12]
        number = 1 + int(abs(along) / 12) * 2 + (along > 0)
        lng, lat = to_degrees(east, north)
        return Place(district, f"{self.districts[district]}街道", lng, lat, f"{street}{number}号")


def to_degrees(east_metres: float, north_metres: float) -> tuple[float, float]:
    """Return longitude and latitude, to about 0.1 m, of a point given in metres from the main square."""
    lat = CENTRE_LAT + north_metres / METRES_PER_DEGREE
    lng = CENTRE_LNG + east_metres / (METRES_PER_DEGREE * cos(radians(CENTRE_LAT)))
    return round(lng, 6), round(lat, 6)


def metres_between(a: Place, b: Place) -> float:
    """Return the distance on the plane: in a town as good as on the sphere, and much cheaper."""
    east = (a.lng - b.lng) * METRES_PER_DEGREE * cos(radians(CENTRE_LAT))
    north = (a.lat - b.lat) * METRES_PER_DEGREE
    return sqrt(east * east + north * north)


def lay_out(districts: int) -> Grid:
    """Return the grid with so many districts, in rings around the main square."""
    names = [
        _DISTRICTS[i] if i < len(_DISTRICTS) else f"{_DISTRICTS[i % len(_DISTRICTS)]}{i // len(_DISTRICTS) + 1} 片"
        for i in range(districts)
    ]
    centres = list(_NEAR[:districts])
    ring = 2
    while len(centres) < districts:
        around = range(-ring, ring + 1)
        centres += [(x, y) for x in around for y in around if max(abs(x), abs(y)) == ring]
        ring += 1
    return Grid(tuple(names), tuple((x * SPACING_METRES, y * SPACING_METRES) for x, y in centres[:districts]))
