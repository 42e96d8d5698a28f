"""What tasks ask of a farm, and in what order a farm does what is asked for at one instant."""

from enum import IntEnum, auto


class Verb(IntEnum):
    """What tasks may ask for at one instant, in the order in which it is done: healing first, harm last, so that
    what is harmed at an instant stays harmed."""

    SET_SETTING = auto()
    SET_MAGIC = auto()
    HEAL = auto()
    STORE_UP = auto()
    RESUME = auto()
    START = auto()
    RESTART = auto()
    ELECT = auto()
    PAUSE = auto()
    LOGON = auto()
    SESSION = auto()
    SET_LOAD = auto()
    SUBSCRIBE = auto()
    RESOLVE = auto()
    PUBLISH = auto()
    CHANGE = auto()
    PARTITION = auto()
    STORE_DOWN = auto()
    STOP = auto()
    CRASH = auto()
