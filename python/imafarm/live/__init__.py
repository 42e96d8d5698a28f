"""The same hosts on real sockets."""

from imafarm.live._farm import LiveFarm
from imafarm.live._open import open_live_farm

__all__ = ["LiveFarm", "open_live_farm"]
