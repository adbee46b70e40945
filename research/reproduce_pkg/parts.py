"""What is kept beside a run's checkpoints: its parts, one a start, and what they ran on."""

import json
import subprocess
import time
from pathlib import Path

from mmghost.utils.files import write_atomically

_CODE = ('mmghost', 'configs', 'tools')


def describe_code(repository):
    """Name the commit that a repository is at.

    Args:
        repository (Path): Its folder.

    Returns:
        dict: ``commit``, 'unknown' without git, and ``changed``: whether the code differs from it.
    """

    def ask(*words):
        return subprocess.run(
            ['git', '-C', str(repository), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changes = ask('status', '--porcelain', '--', *_CODE)
        return dict(commit=ask('rev-parse', 'HEAD'), changed=bool(changes))
    except (OSError, subprocess.CalledProcessError):
        return dict(commit='unknown', changed=False)


class Parts:
    """The parts of a run, one for each time that it was started.

    Args:
        work_dir (Path): The run's folder.
    """

    def __init__(self, work_dir):
        self.file = Path(work_dir) / 'parts.json'
        found = json.loads(self.file.read_text()) if self.file.is_file() else {}
        self.content = found.get('content')
        self.parts = found.get('parts', [])

    def begin(self, content, code):
        """Begin a part: of a config's content, on some code."""
        self.content = content
        self.parts.append(dict(code, started=time.strftime('%Y-%m-%d %H:%M:%S'), seconds=0.0))
        self._begun = time.monotonic()
        self.tick()

    def tick(self):
        """Record how long the part has run, so that it is known if the process is killed."""
        self.parts[-1]['seconds'] = round(time.monotonic() - self._begun, 1)
        told = json.dumps(dict(content=self.content, parts=self.parts), indent=1)
        write_atomically(told.encode(), self.file)

    @property
    def seconds(self):
        """float: Of all parts together."""
        return round(sum(part['seconds'] for part in self.parts), 1)
