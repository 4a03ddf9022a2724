"""Muon: momentum whose direction is made orthogonal for each weight matrix, AdamW for everything else.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers"; the scale 0.2·√max(rows, columns) that lets it
share AdamW's rate is Liu et al. 2025, section 2.2. Each process works on its share of the matrices,
because that work is the same in all of them.
"""

import torch
import torch.distributed as dist

MOMENTUM = 0.95
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(matrices):
    """Approximately orthogonal versions of `[n, rows, columns]`, by Newton–Schulz iteration in bf16."""
    x = matrices.bfloat16()
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x if wide else x.transpose(1, 2)).float()


class Muon:
    """Steps `matrices` (any tensors of two or more dimensions) by Muon and `others` by AdamW."""

    def __init__(self, matrices, others, weight_decay=1e-3):
        self.matrices, self.weight_decay = matrices, weight_decay
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.99), weight_decay=0.0, foreach=True)
        self.momentum = [torch.zeros_like(p) for p in matrices]
        self.by_shape = {}
        for index, parameter in enumerate(matrices):
            self.by_shape.setdefault((len(parameter), parameter[0].numel()), []).append(index)
        # The heaviest shapes first, each to the process that has least to do.
        load = [0.0] * dist.get_world_size()
        self.jobs = [[] for _ in load]
        chunks = [(min(s) * s[0] * s[1] * len(part), s, part) for s, rows in self.by_shape.items() for part in (rows[::2], rows[1::2]) if part]
        for cost, shape, rows in sorted(chunks, reverse=True):
            rank = load.index(min(load))
            load[rank] += cost
            self.jobs[rank].append((shape, rows))

    @torch.no_grad()
    def step(self, rate):
        """One update; gradients must already be the mean over the processes."""
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        grads = [p.grad for p in self.matrices]
        torch._foreach_lerp_(self.momentum, grads, 1 - MOMENTUM)
        mine = []
        for shape, rows in self.jobs[dist.get_rank()]:
            stack = torch.stack([torch.lerp(grads[i], self.momentum[i], MOMENTUM).reshape(shape) for i in rows])
            mine.append((orthogonal(stack) * (0.2 * max(shape) ** 0.5)).flatten())
        for rank, jobs in enumerate(self.jobs):
            if rank == dist.get_rank():
                flat = torch.cat(mine)
            else:
                flat = torch.empty(sum(self.momentum[i].numel() for _, rows in jobs for i in rows))
            dist.broadcast(flat, rank)
            at = 0
            for _, rows in jobs:
                for i in rows:
                    parameter = self.matrices[i]
                    update = flat[at : at + parameter.numel()].view_as(parameter)
                    at += parameter.numel()
                    parameter.mul_(1 - rate * self.weight_decay).add_(update, alpha=-rate)

    def state_dict(self):
        """Momentum and AdamW's state."""
        return dict(momentum=self.momentum, adam=self.adam.state_dict())

    def load_state_dict(self, state):
        """Restores what `state_dict` gave."""
        self.momentum = state["momentum"]
        self.adam.load_state_dict(state["adam"])
