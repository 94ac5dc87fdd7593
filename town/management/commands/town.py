"""`./run town --scale small|medium`: builds or enlarges the synthetic town."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from alliance.refusals import Refused
from points import proving
from town.building import build
from town.founding import SEED
from town.screen import Screen, as_owner, without_waiting
from town.world import SCALES


class Command(BaseCommand):
    help = "Builds the synthetic town up to a scale, or lets the one that is there live on until now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scale", choices=list(SCALES), default="small")
        parser.add_argument("--seed", type=int, default=SEED, help="a town keeps the seed that it was begun with")

    def handle(self, *args: Any, **words: Any) -> None:
        as_owner()
        without_waiting()
        screen = Screen(self.stdout)
        started = time.monotonic()
        try:
            done = build(words["scale"], words["seed"], screen.say, screen.live)
            # Balances of the past are gone: the first proof of a town is of the moment when it is ready.
            if proof := proving.prove(at=timezone.now()):
                screen.say(f"Proved that {proof.custody_fen:,} fen stand behind {proof.total_points:,} points.")
        except Refused as refused:
            screen.end()
            raise CommandError(f"{refused.code}: {refused.text()}") from None
        except proving.ProofDiffers as error:
            screen.end()
            raise CommandError(f"The book does not add up: {error}. Run ./run verify.") from None
        except KeyboardInterrupt:
            screen.end()
            again = f"./run town --scale {words['scale']}"
            raise CommandError(f"Stopped. What is built stays; {again} goes on from here.", returncode=130) from None
        screen.end()
        if done:
            screen.say(
                f"Town ready after {time.monotonic() - started:.1f} s. Everybody and everything in it is invented."
            )
