"""The tree of units, posts, and what they let people see."""

from datetime import UTC, date, datetime

import pytest

from alliance import access, org
from alliance.actors import Actor
from alliance.models import Event, Unit, User
from alliance.refusals import Refused

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 2, tzinfo=UTC)
SYSTEM = Actor.system("test")


def unit(code: str, kind: str, parent: Unit | None) -> Unit:
    return org.found(kind=kind, code=code, name=code, parent=parent, actor=SYSTEM, at=AT)


@pytest.fixture
def tree() -> dict[str, Unit]:
    hq = unit("HQ", "hq", None)
    east, west = unit("EAST", "region", hq), unit("WEST", "region", hq)
    return {
        "hq": hq,
        "east": east,
        "west": west,
        "centre": unit("E1", "centre", east),
        "other": unit("W1", "centre", west),
    }


def manager(tree: dict[str, Unit], where: str = "east", role: str = "region_manager") -> User:
    user = User.objects.create_superuser(email=f"{where}@x.cn", password="not-used-here-1")
    org.appoint(user=user, unit=tree[where], role=role, starts_on=date(2020, 1, 1), actor=SYSTEM, at=AT)
    return user


def test_a_region_sees_its_centres_and_nobody_elses(tree: dict[str, Unit]) -> None:
    assert set(Unit.objects.visible_to(manager(tree))) == {tree["east"], tree["centre"]}


def test_headquarters_sees_all(tree: dict[str, Unit]) -> None:
    assert Unit.objects.visible_to(manager(tree, "hq", "hq_admin")).count() == 5


def test_somebody_without_a_post_sees_nothing(tree: dict[str, Unit]) -> None:
    assert not Unit.objects.visible_to(User.objects.create_user(phone="+8613800138000")).exists()


def test_a_prefix_of_a_number_is_not_a_branch(tree: dict[str, Unit]) -> None:
    """Unit 1 must not see below unit 11: paths end with a dot."""
    assert all(row.path.endswith(".") for row in tree.values())


def test_a_permission_holds_in_the_units_of_the_post_only(tree: dict[str, Unit]) -> None:
    user = manager(tree)
    assert access.can(user, "merchant.change", tree["centre"])
    assert not access.can(user, "merchant.change", tree["other"])
    assert not access.can(user, "topup.approve", tree["centre"])


def test_a_post_that_ended_gives_nothing(tree: dict[str, Unit]) -> None:
    user = manager(tree)
    org.relieve(post=user.posts.get(), ends_on=date(2026, 11, 1), actor=SYSTEM, at=AT)
    assert not Unit.objects.visible_to(User.objects.get(pk=user.pk)).exists()


def test_the_same_post_twice_is_refused(tree: dict[str, Unit]) -> None:
    user = manager(tree)
    with pytest.raises(Refused, match="post_taken"):
        org.appoint(
            user=user, unit=tree["east"], role="region_manager", starts_on=date(2026, 1, 1), actor=SYSTEM, at=AT
        )
    assert user.posts.count() == 1


def test_founding_twice_leaves_one_unit_and_one_event(tree: dict[str, Unit]) -> None:
    again = unit("E1", "centre", tree["east"])
    assert again == tree["centre"]
    assert Event.objects.filter(verb="unit.founded", subject=f"alliance.unit:{again.pk}").count() == 1
