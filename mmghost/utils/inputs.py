from pathlib import Path

from .checks import nearest


def check_input(file, kind='file'):
    """Raise a FileNotFoundError, with the nearest name in its folder, unless there is a file.

    Args:
        file (str | Path): The file.
        kind (str): What it is, for the message. Defaults to 'file'.
    """
    file = Path(file)
    if not file.is_file():
        known = [path.name for path in file.parent.glob('*') if path.is_file()]
        raise FileNotFoundError(f'there is no {kind} {file}{nearest(file.name, known) or "."}')
