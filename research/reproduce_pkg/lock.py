import fcntl
from contextlib import contextmanager
from pathlib import Path


class Locked(Exception):
    """Another process has the lock."""


@contextmanager
def locked(path):
    """Hold a lock that ends with this process and with those that it hands the lock to.

    Args:
        path (str | Path): The file that stands for it; it stays.

    Yields:
        int: The file's descriptor, for ``pass_fds`` of a child process.

    Raises:
        Locked: If another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(f'{path} is held by another process') from error
        yield file.fileno()
