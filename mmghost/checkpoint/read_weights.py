"""Reading GhostNet weights from the files that they are given out in."""

import argparse
import hashlib
import logging
import pickle
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log

from mmghost.utils import check_type

from .merge_weights import are_merged, merge_weights
from .timm_layout import TIMM_HEAD, rename_timm_head, rename_timm_keys

_HUB = re.compile(r'(?:hf[-_]hub:)?(timm/[\w.-]+)')
_UNSAFE = re.compile(r'(?:GLOBAL|global|function|class) ([\w.]+)')
# As in resnet50-0676ba61.pth; torch.hub's own pattern takes the 1 of ghostnetv2-1.0x for one
_NAMED = re.compile(r'.+-([0-9a-f]{8,64})(?:\.[a-z]+)+')
COMPILED = '_orig_mod.'  # what torch.compile puts before the names of a module, within a model too
_WRAPPERS = ('module.', COMPILED, 'model.')  # DataParallel's, torch.compile's, scripts'


class Weights(NamedTuple):
    """GhostNet weights under mmghost's names, and what their file was.

    ``backbone`` and ``others`` (the head, for one) are dicts of tensors by name; ``layout`` is
    'timm' (the authors' too) or 'mmghost'; ``ema`` tells whether they are averaged weights, None
    where the file has one set.
    """

    backbone: dict
    others: dict
    layout: str
    ema: bool | None
    path: Path

    @property
    def head(self):
        """dict: The weights of an mmpretrain classifier's head, if the file has them."""
        return {key: value for key, value in self.others.items() if key.startswith('head.')}

    @property
    def classifier(self):
        """dict: The weights under the names of an mmpretrain classifier."""
        backbone = {f'backbone.{key}': value for key, value in self.backbone.items()}
        return backbone | self.head


def is_remote(source):
    """Tell whether a checkpoint is named by an address, or by timm's name on the hub."""
    return '://' in str(source) or bool(_HUB.fullmatch(str(source)))


def fetch(source):
    """Return the local path of a file, a URL or a timm/... name on the Hugging Face hub."""
    check_type('checkpoint', source, (str, Path), 'a file, an address or a name')
    path = Path(source).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise ValueError(f'checkpoint {source} is a folder, not a file.')
    hub = _HUB.fullmatch(str(source))
    if hub is not None:
        try:
            from huggingface_hub import hf_hub_download

            return Path(hf_hub_download(hub[1], 'model.safetensors'))
        except Exception as error:
            raise OSError(
                f'checkpoint {source} cannot be had from the Hugging Face hub '
                f'({type(error).__name__}): download its model.safetensors and give the path.'
            ) from error
    if urlparse(str(source)).scheme in ('http', 'https'):
        digest = hashlib.sha256(str(source).encode()).hexdigest()[:16]  # many end in one name
        name = Path(urlparse(str(source)).path).name
        target = Path(torch.hub.get_dir(), 'checkpoints', 'mmghost', digest, name)
        if not target.is_file():
            _download(str(source), target)
        return target
    raise FileNotFoundError(
        f'checkpoint {source} does not exist: give a file, an http(s) address or a timm/... name.'
    )


def _download(address, target):
    """Download a file, checking it against the SHA-256 in its name where there is one."""
    known = named_sha256(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(address, str(target), known)
    except (OSError, RuntimeError) as error:
        raise OSError(f'checkpoint {address} cannot be downloaded: {error}.') from error
    if not known:
        print_log(
            f'{address}: its name has no checksum to check it by; its SHA-256 is {sha256(target)}.',
            logger='current',
            level=logging.WARNING,
        )


# The record of a command line, in the authors' and timm's training files; with its name, so that
# one that others have allowed stays allowed
_NAMESPACE = (argparse.Namespace, 'argparse.Namespace')


def load_safely(path, map_location='cpu'):
    """Load a file's content without executing any of it, whatever torch's default is.

    Args:
        path (Path | file object): A file of torch's or safetensors'.
        map_location: As in ``torch.load``. Defaults to 'cpu'.

    Raises:
        ValueError: If it is broken, or anything would be executed.
    """
    if getattr(path, 'suffix', None) == '.safetensors':
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except Exception as error:
            raise ValueError(f'{path} is not a whole safetensors file: {error}.') from error
    try:
        with torch.serialization.safe_globals([_NAMESPACE]):
            return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        found = _UNSAFE.search(str(error))
        reason = f'it calls for {found[1]}' if found else 'it is not what torch.save writes'
        raise ValueError(f'{path} is no checkpoint that can be loaded safely: {reason}.') from error
    except OSError:
        raise
    except Exception as error:  # torch's unpickler checks little of what it works on
        reason = (str(error).splitlines() or ['it ends early'])[0]
        raise ValueError(f'{path} is not a whole checkpoint: {reason}') from error


def _choose(content, ema, path):
    """Pick the averaged or the raw weights out of a checkpoint; return them and which they are."""
    if not isinstance(content, dict):
        raise ValueError(f'{path} holds a {type(content).__name__}, not a dict of weights.')
    averaged, raw = content.get('state_dict_ema'), content.get('state_dict')
    mmengines = content.get('ema_state_dict')
    if mmengines is not None:  # mmengine's EMAHook swaps the two when it saves
        averaged = raw
        raw = {
            key[len('module.') :]: value
            for key, value in mmengines.items()
            if key.startswith('module.')
        }
    if averaged is None:
        if ema:
            raise ValueError(f'{path} has no EMA weights: leave ema out, or set it to False.')
        for name in ('state_dict', 'model_state_dict', 'model', 'net'):
            if isinstance(content.get(name), dict):
                return content[name], None
        return content, None
    if ema is False:
        if raw is None:
            raise ValueError(f'{path} has EMA weights only: leave ema out, or set it to True.')
        return raw, False
    return averaged, True


def _unwrap(weights):
    """Yield weights, and what they are without each thing that is put before all their names."""
    yield weights
    for wrapper in _WRAPPERS:
        if weights and all(key.startswith(wrapper) for key in weights):
            yield from _unwrap({key[len(wrapper) :]: value for key, value in weights.items()})
            return


def read_weights(source, prefix=None, ema=None):
    """Read GhostNet weights from a file of any layout that is known.

    Known are the authors' release files, timm's ``.safetensors``, ``.bin`` and training
    checkpoints, their merged GhostNetV3, and those of mmghost: of a backbone, or of an OpenMMLab
    model that has one. torch's files are loaded with ``weights_only=True``.

    Args:
        source (str | Path): A file, an http(s) address, or a ``timm/...`` name on the Hugging Face
            hub.
        prefix (str, optional): What precedes the backbone's names in the file, with or without
            the dot. Defaults to None: 'backbone.' if there are such names, else nothing.
        ema (bool, optional): True for the averaged weights, False for the others. Defaults to
            None: the averaged ones if the file has them.

    Returns:
        Weights: The weights under mmghost's names.

    Raises:
        OSError: If the file does not exist or cannot be fetched.
        ValueError: If it is broken, unsafe, or holds no GhostNet.
    """
    path = fetch(source)
    return sort_weights(load_safely(path), path, prefix, ema)


def sort_weights(content, path, prefix=None, ema=None):
    """Do for a file's content what :func:`read_weights` does for a file."""
    chosen, averaged = _choose(content, ema, path)
    # GhostNetV3's release holds what a counter has left
    named = {str(key): value for key, value in chosen.items() if 'total_' not in str(key)}
    forms = [*_unwrap({key: v for key, v in named.items() if isinstance(v, torch.Tensor)})]
    weights = forms[-1]
    if prefix:
        prefix = prefix if prefix.endswith('.') else f'{prefix}.'
        prefixed = (form for form in forms if any(key.startswith(prefix) for key in form))
        weights = next(prefixed, weights)
    if prefix is None:
        prefix = 'backbone.' if any(key.startswith('backbone.') for key in weights) else ''
    elif not any(key.startswith(prefix) for key in weights):
        raise ValueError(
            f'{path} has no weights whose names begin with {prefix!r}, but {_some(weights)}.'
        )
    backbone, others = {}, {}
    for key, value in weights.items():
        if key.startswith(prefix) and not key.startswith(TIMM_HEAD):
            backbone[key[len(prefix) :].replace(COMPILED, '')] = value
        else:
            others[key] = value
    layout = 'timm' if 'conv_stem.weight' in backbone else 'mmghost'
    rename_timm_keys(backbone)
    rename_timm_head(others)
    if are_merged(backbone):  # the authors' and timm's merging leaves norms elsewhere
        backbone = merge_weights(backbone)
    if not any(key.startswith('stages.0.0.ghost1.primary_conv.') for key in backbone):
        raise ValueError(f'{path} holds no GhostNet: its names are {_some(weights)}.')
    return Weights(backbone, others, layout, averaged, path)


def _some(weights):
    """Name the first few weights."""
    names = list(weights)
    return f'{", ".join(names[:3])}, ...' if len(names) > 3 else ', '.join(names) or 'none'


def named_sha256(path):
    """Return the digits of its SHA-256 that a file's name ends with, None where there are none."""
    match = _NAMED.fullmatch(Path(path).name)
    return match and match[1]


def check_sha256(path):
    """Raise a ValueError if a file is not what the SHA-256 in its name says.

    Args:
        path (str | Path): The file; one whose name has no SHA-256 passes.
    """
    named = named_sha256(path)
    if named is None:
        return
    found = sha256(path)
    if not found.startswith(named):
        raise ValueError(
            f'{path} is damaged or changed: its SHA-256 begins with {found[:8]}, not with the '
            f'{named} of its name. Fetch it again or, if that is meant, rename it.'
        )


def sha256(path):
    """Return a file's SHA-256 in hexadecimal."""
    with open(path, 'rb') as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
