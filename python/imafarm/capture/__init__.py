"""The packets of an emulated farm as a capture file, for Wireshark and its like.

A farm that was opened with a tap (`imafarm.Tap`) has them; `write_capture` puts them into a file. docs/capture.md says
what a packet stands for.
"""

from imafarm.capture._addresses import addresses_of
from imafarm.capture._write import Capture, Tapped, write_capture

__all__ = ["Capture", "Tapped", "addresses_of", "write_capture"]
