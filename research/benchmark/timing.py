"""Times of several functions, taken in turns."""

import gc
import random
import time

import torch


def synchronise(device):
    """Wait until a device has done all that it was given."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def time_interleaved(functions, rounds, device, lead_in=1, warm_up=2):
    """Time functions in turns, so that a change of the machine's speed hits all of them.

    Args:
        functions (Sequence[Callable]): Without arguments.
        rounds (int): How often each is timed; the order within a round is random.
        device (torch.device): Where they run.
        lead_in (int): Calls before each timed one, which bring back into the caches what the
            others drove out. Defaults to 1.
        warm_up (int): Calls of each before the first round. Defaults to 2.

    Returns:
        list[list[float]]: Seconds, a list of the rounds for each function.
    """
    times = [[] for _ in functions]
    shuffle = random.Random(0).shuffle
    order = list(range(len(functions)))
    for function in functions:
        for _ in range(warm_up):
            function()
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffle(order)
            for index in order:
                function = functions[index]
                for _ in range(lead_in):
                    function()
                synchronise(device)
                started = time.perf_counter()
                function()
                synchronise(device)
                times[index].append(time.perf_counter() - started)
    finally:
        if collecting:
            gc.enable()
    return times
