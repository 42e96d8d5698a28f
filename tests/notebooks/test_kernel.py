"""`imafarm.run` in a cell, where asyncio's loop runs already."""

import pytest
from tests.notebooks.conftest import Kernel

PLAIN = """
import imafarm, trio

async def main():
    async with imafarm.open_emulated_farm(hosts=50, seed=7) as farm:
        print(await farm.wait_master("Z1"), "collects")

imafarm.run(main)
"""
LONG = """
import imafarm, trio

async def main():
    async with imafarm.open_emulated_farm(hosts=2_000, seed=7) as farm:
        await farm.wait_started()
        print("begun", flush=True)
        await trio.sleep(10_000_000)

imafarm.run(main)
"""
ASYNC = "import asyncio\nawait asyncio.sleep(0)\n"
"""What makes a cell a task of the loop: Ctrl-C is then the loop's, too."""


@pytest.mark.parametrize("before", ["", ASYNC], ids=["plain", "await"])
def test_a_farm_runs_in_a_cell(kernel: Kernel, before: str) -> None:
    said, error = kernel.run(before + PLAIN)
    assert (said, error) == ("H1 collects\n", None)


@pytest.mark.parametrize("before", ["", ASYNC], ids=["plain", "await"])
def test_the_stop_button_stops_it_and_the_kernel_lives(kernel: Kernel, before: str) -> None:
    cell = kernel.begin(before + LONG)
    kernel.until_printed("begun")
    kernel.interrupt()
    _, error = kernel.end(cell)
    assert error == "KeyboardInterrupt"
    assert kernel.run("print(imafarm.__name__)") == ("imafarm\n", None)
    said, error = kernel.run(PLAIN)
    assert (said, error) == ("H1 collects\n", None)


def test_under_trio_s_autoawait_it_says_how_and_that_works(kernel: Kernel) -> None:
    assert kernel.run("%autoawait trio") == ("", None)
    try:
        # A cell without an await of its own is as ever.
        assert kernel.run(PLAIN) == ("H1 collects\n", None)
        _, error = kernel.run("import trio\nawait trio.sleep(0)\nimafarm.run(main)")
        assert error == "RuntimeError"
        assert kernel.run("await trio.to_thread.run_sync(imafarm.run, main)") == ("H1 collects\n", None)
    finally:
        kernel.run("%autoawait asyncio")
