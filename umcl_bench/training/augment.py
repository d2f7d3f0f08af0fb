"""Augmentation of a batch on its device: one rotation, shift, scale, brightness and contrast a film. No flips."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from umcl_bench.spec import Augment


def augment(films: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """Films (n, s, s) of uint8 -> (n, s, s) floats from 0 to 255. `generator` is on the CPU whatever the device."""
    n = len(films)
    draws = (torch.rand(n, 6, generator=generator) * 2 - 1).to(films.device)
    angle = draws[:, 0] * math.radians(how.rotate_degrees)
    zoom = 1 + draws[:, 1] * how.scale
    theta = torch.zeros(n, 2, 3, device=films.device)
    theta[:, 0, 0] = theta[:, 1, 1] = angle.cos() * zoom
    theta[:, 0, 1], theta[:, 1, 0] = -angle.sin() * zoom, angle.sin() * zoom
    theta[:, :, 2] = draws[:, 2:4] * (2 * how.translate)
    pixels = films[:, None].float()
    grid = affine_grid(theta, list(pixels.shape), align_corners=False)
    moved = grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]
    contrast = 1 + draws[:, 4] * how.contrast
    brightness = draws[:, 5] * how.brightness * 128
    return (moved * contrast[:, None, None] + brightness[:, None, None]).clamp(0, 255)
