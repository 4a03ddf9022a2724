"""Data-parallel training on a CPU: one process per core, each with one thread.

One process with two threads meets a barrier in every operator and loses most of its speed as soon
as anything else wants a core; two processes meet once a step, when they add up their gradients.
"""

import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def run(worker, arguments, processes):
    """Calls `worker(rank, processes, arguments)` in `processes` processes joined in one group."""
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ["MASTER_PORT"] = str(20000 + os.getpid() % 20000)
    mp.spawn(_enter, args=(worker, processes, arguments), nprocs=processes)


def _enter(rank, worker, processes, arguments):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=processes)
    worker(rank, processes, arguments)
    dist.destroy_process_group()


def share_gradients(parameters):
    """Replaces every gradient by its mean over the processes."""
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch._utils._flatten_dense_tensors(grads)
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for grad, mean in zip(grads, torch._utils._unflatten_dense_tensors(flat, grads)):
        grad.copy_(mean)


def share_number(value):
    """The value of process 0, so that all processes decide alike (time left, stop)."""
    box = torch.tensor([float(value)], dtype=torch.float64)
    dist.broadcast(box, 0)
    return float(box)


def save_atomically(state, path):
    """Writes a checkpoint beside `path` and renames it, so that a kill leaves the previous one whole."""
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


class Budget:
    """Progress through a training that is limited by wall-clock minutes, kept across restarts."""

    def __init__(self, minutes, spent_s=0.0):
        self.total_s, self.before_s, self.start = minutes * 60, spent_s, time.time()

    def spent_s(self):
        """Seconds trained so far, earlier runs included."""
        return self.before_s + time.time() - self.start

    def share(self):
        """How much of the budget is used, 0…1, the same in every process."""
        return min(1.0, share_number(self.spent_s() / self.total_s))
