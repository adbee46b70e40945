"""Which checkpoint an interrupted training goes on from."""

import logging
import re
import zipfile
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from mmghost.utils.files import remove_partial_files

_NUMBERED = re.compile(r'(?!best_).*?(\d+)\.pth')
_PARTS = ('meta', 'state_dict', 'message_hub')


def _number(path):
    match = _NUMBERED.fullmatch(path.name)
    return int(match[1]) if match else -1


def _fault(path):
    """Say what is wrong with a checkpoint to go on from, None if nothing is."""
    if not path.is_file():
        return 'it does not exist'
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            return f'its {damaged} is damaged'
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:
        return f'it is no whole checkpoint ({(str(error) or repr(error)).splitlines()[0]})'
    missing = [part for part in _PARTS if part not in content]
    return f'it has no {missing[0]}' if missing else None


def _candidates(work_dir, folders):
    """List the checkpoints of a run, the one to go on from first, whole or not."""
    record = work_dir / 'last_checkpoint'
    name = record.read_text().strip() if record.is_file() else ''
    named = Path(name) if name else None
    folders = {work_dir, *folders, *([named.parent] if named else [])}
    found = {path for folder in folders for path in folder.glob('*.pth') if _number(path) >= 0}
    found = sorted(found, key=lambda path: (path.stat().st_mtime_ns, _number(path)), reverse=True)
    if named is None:
        return found
    others = [path for path in found if path.resolve() != named.resolve()]
    if not named.is_file():
        return [named, *others]
    # A run may be killed between writing a checkpoint and recording that it did
    written = named.stat().st_mtime_ns
    newer = [
        path
        for path in others
        if path.stat().st_mtime_ns > written and _number(path) > _number(named)
    ]
    return [*newer, named, *(path for path in others if path not in newer)]


def find_whole_checkpoint(work_dir, *folders):
    """Find the newest checkpoint of a run that is whole, and log which were passed over.

    Every byte of it is checked against the file's checksums.

    Args:
        work_dir (str | Path): The run's folder.
        *folders (str | Path): Others that its checkpoints may be in.

    Returns:
        str | None: The checkpoint, None if the run has not written any.

    Raises:
        ValueError: If there are checkpoints, but none is whole; it names each, and what is wrong.
    """
    work_dir = Path(work_dir)
    candidates = _candidates(work_dir, map(Path, folders))
    if is_main_process():
        for folder in {work_dir, *(path.parent for path in candidates)}:
            remove_partial_files(folder)
    faults = []
    for path in candidates:
        fault = _fault(path)
        if fault is None:
            for passed_over in faults:
                print_log(f'Passed over: {passed_over}.', logger='current', level=logging.WARNING)
            return str(path)
        faults.append(f'{path}: {fault}')
    if faults:
        listed = '\n  '.join(faults)
        raise ValueError(
            f'{work_dir} has checkpoints, but none to resume from. Remove them, or leave --resume '
            f'out, to begin anew.\n  {listed}'
        )
    return None


def check_elsewhere(work_dir, out_dir, backend):
    """Raise a ValueError where mmengine would begin anew though there are checkpoints elsewhere.

    It goes on from what ``last_checkpoint``, a local file, names, and does not look there.

    Args:
        work_dir (str): The run's folder.
        out_dir (str): What the folder with its checkpoints is in.
        backend (BaseStorageBackend): What it is reached by; one that cannot list files passes.
    """
    if Path(work_dir, 'last_checkpoint').is_file() or not hasattr(backend, 'list_dir_or_file'):
        return
    folder = backend.join_path(out_dir, Path(work_dir).name)
    try:
        found = sorted(backend.list_dir_or_file(folder, list_dir=False, suffix='.pth'))
    except (NotImplementedError, FileNotFoundError):
        return
    if found:
        raise ValueError(
            f'{folder} has {", ".join(found)}, but {work_dir} has no last_checkpoint, which names '
            'the one to resume from: name it by load_from, or leave --resume out to begin anew.'
        )
