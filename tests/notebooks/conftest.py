"""A real kernel, as Jupyter starts one."""

from collections.abc import Iterator

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

START_SECONDS = 120


@pytest.fixture(scope="module")
def jupyter_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Jupyter without anybody's settings, histories and kernels."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        yield


class Kernel:
    """A kernel that runs one cell after the other."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def begin(self, code: str) -> str:
        """Sends a cell; its number."""
        number: str = self._client.execute(code)
        return number

    def until_printed(self, text: str) -> None:
        """Waits until a cell has printed this."""
        said = ""
        while text not in said:
            message = self._client.get_iopub_msg(timeout=START_SECONDS)
            if message["msg_type"] == "stream":
                said += message["content"]["text"]

    def interrupt(self) -> None:
        """What the square button does."""
        self._manager.interrupt_kernel()

    def end(self, number: str) -> tuple[str, str | None]:
        """Waits for a cell's end: what it printed from now on, warnings included, and the name of its error."""
        said, error = "", None
        while True:
            message = self._client.get_iopub_msg(timeout=START_SECONDS)
            if message["parent_header"].get("msg_id") != number:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    said += content["text"]
                case "error":
                    error = content["ename"]
                case "status" if content["execution_state"] == "idle":
                    return said, error

    def run(self, code: str) -> tuple[str, str | None]:
        """Runs a cell to its end."""
        return self.end(self.begin(code))


@pytest.fixture(scope="module")
def kernel(jupyter_of_our_own: None) -> Iterator[Kernel]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START_SECONDS)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
