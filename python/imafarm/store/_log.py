"""What an open farm changes is written to its store, by one thread, behind the farm's back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType

from imafarm.configuration import ConfigurationChange, OpenedStore
from imafarm.errors import ConfigurationError, StoreError
from imafarm.store._store import DataStore


class StoreLog:
    """A `ConfigurationLog` that writes to a store, one change after the other, each under a number of its own.

    Farm time does not wait for it. When one change cannot be written, those after it are not either, and `flush` says
    so: a later change may rest on an earlier one.
    """

    def __init__(self, store: DataStore) -> None:
        """Writes to `store`, which has to stay open until this is closed."""
        self._store = store
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imafarm store")
        self._pending: list[Future[int]] = []
        self._failure: Exception | None = None

    def record(self, change: ConfigurationChange) -> None:
        """Takes one change; comes back at once."""
        self._pending.append(self._writer.submit(self._write, change))

    def flush(self) -> None:
        """Waits until everything so far is written.

        Errors: `StoreError` says how many changes are not, and why.
        """
        pending, self._pending = self._pending, []
        errors = [error for future in pending if (error := future.exception()) is not None]
        if not errors:
            return
        first = errors[0]
        if not isinstance(first, StoreError | ConfigurationError):
            raise first
        reason = first.reason if isinstance(first, StoreError) else str(first)
        many = "1 change of the farm was" if len(errors) == 1 else f"{len(errors)} changes of the farm were"
        raise StoreError(self._store.url, f"{many} not written: {reason}")

    def close(self) -> None:
        """Waits until everything is written, and ends the writer. Errors: as `flush`."""
        self._writer.shutdown()
        self.flush()

    def __enter__(self) -> StoreLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, change: ConfigurationChange) -> int:
        if self._failure is not None:
            raise self._failure
        try:
            return self._store.change(change)
        except Exception as failure:
            self._failure = failure
            raise


@contextmanager
def open_for_a_farm(url: str) -> Iterator[OpenedStore]:
    """The farm in the store at `url`, and a log that writes its changes there; all is written at the end.

    Errors: `StoreError`.
    """
    with DataStore.open(url) as store, StoreLog(store) as log:
        yield OpenedStore(store.topology(), log)
