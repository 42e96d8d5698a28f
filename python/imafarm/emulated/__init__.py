"""Farms in virtual time."""

from imafarm.emulated._conductor import Pacer, run
from imafarm.emulated._farm import BOOT_SECONDS, EmulatedFarm, Progress
from imafarm.emulated._open import open_emulated_farm
from imafarm.emulated._tap import Tap

__all__ = ["BOOT_SECONDS", "EmulatedFarm", "Pacer", "Progress", "Tap", "open_emulated_farm", "run"]
