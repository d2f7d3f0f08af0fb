"""Augmentation of films on their device, each film by its own row of draws.

The draws are made on the CPU for a whole batch, so any part of the batch gives the same films wherever it is computed.
Films have as many pixels as what is shown, so a crop magnifies; only `scale` shrinks. Smoothing before that is left
out: at 1.05 it moves a pixel of a film by 0.6 greys (root mean square, 64 pixels), at 1.5 by 2.3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, pad

from umcl_bench.spec import Augment

# A CPU resamples so many pixels at once: then the grid and the films stay in its cache.
_PIXELS_AT_ONCE = 2**19
_UNIFORMS = 13


def draw(n: int, how: Augment, generator: torch.Generator) -> Tensor:
    """What happens to each of n films, (n, 10): `augment` reads it. It takes as many numbers whatever `how` says.

    Columns: the map from shown to film coordinates (two rows of three, -1 to 1 over the film), contrast, brightness in
    greys, the blur's sigma in sides (0: none), and 1 where the film is mirrored if its text allows that.
    """
    u = torch.rand(n, _UNIFORMS, generator=generator)
    signed = 2 * u - 1
    sides, centre = _crop(how, u[:, 6], u[:, 7], signed[:, 8:10])
    angle, zoom = signed[:, 0] * math.radians(how.rotate_degrees), 1 + signed[:, 1] * how.scale
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    turn = torch.stack([cos, -sin, sin, cos], dim=1).view(n, 2, 2)
    theta = sides[:, :, None] * torch.cat([turn, signed[:, 2:4, None] * (2 * how.translate)], dim=2)
    theta[:, :, 2] += centre
    contrast = 1 + signed[:, 4] * how.contrast
    brightness = signed[:, 5] * how.brightness * 128
    sigma = _between(how.blur_sigma, u[:, 11]) * (u[:, 10] < how.blur_share)
    mirrored = (u[:, 12] < how.flip_share).float() * (how.flip == "unsided")
    return torch.cat([theta.flatten(1), torch.stack([contrast, brightness, sigma, mirrored], dim=1)], dim=1)


def augment(films: Tensor, how: Augment, draws: Tensor, sided: Tensor | None = None) -> Tensor:
    """Films (m, s, s) of uint8 -> (m, s, s) floats from 0 to 255, on the films' device.

    `draws` are these films' rows of `draw` (a GPU's blur waits for them if they lie on it, not if on the CPU). `sided`
    (m,) says whose text names a side. Raises ValueError where it is None and `how` mirrors films.
    """
    theta = draws[:, :6].to(films.device).view(-1, 2, 3)
    if how.flip == "unsided":
        if sided is None:
            raise ValueError("films are mirrored where their text names no side, and `sided` is None")
        mirrored = (draws[:, 9] > 0).to(films.device) & ~sided.to(films.device)
        theta = theta * torch.stack([1 - 2 * mirrored.float(), torch.ones_like(mirrored)], dim=1)[:, :, None]
    size = films.shape[-1]
    at_once = max(1, _PIXELS_AT_ONCE // size**2) if films.device.type == "cpu" else max(1, len(films))
    shown = torch.empty(films.shape, device=films.device)
    # autocast would make coordinates of 8 bits, up to 0.6 pixels wrong at 224
    with torch.autocast(films.device.type, enabled=False):
        for at in range(0, len(films), at_once):
            part = slice(at, at + at_once)
            _augment(films[part], how, theta[part], draws[part], shown[part])
    return shown


def _augment(films: Tensor, how: Augment, theta: Tensor, draws: Tensor, out: Tensor) -> None:
    grid = _grid(theta, films.shape[-1])
    shown = grid_sample(films[:, None].float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]
    if how.blur_share and len(blurred := torch.nonzero(draws[:, 8])[:, 0]):
        where = blurred.to(films.device)
        shown[where] = _blur(shown[where], draws[blurred, 8].to(films.device), how.blur_sigma[1])
    contrast, brightness = (draws[:, k, None, None].to(films.device) for k in (6, 7))
    torch.clamp(shown.mul_(contrast).add_(brightness), 0, 255, out=out)


def _grid(theta: Tensor, size: int) -> Tensor:
    """affine_grid(theta, (n, 1, size, size)), as outer sums: a twentieth of its time on a CPU."""
    centres = (2 * torch.arange(size, device=theta.device) + 1) / size - 1
    grid = torch.empty(len(theta), size, size, 2, device=theta.device)
    for k in (0, 1):
        across, down = theta[:, k, 0, None] * centres, theta[:, k, 1, None] * centres + theta[:, k, 2, None]
        torch.add(across[:, None, :], down[:, :, None], out=grid[..., k])
    return grid


def _blur(films: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Each film blurred by its own Gaussian of `sigma` sides, cut off at three of the `largest`; edges mirror."""
    if len(films) == 1:  # a convolution of one group is another kernel, which rounds otherwise
        return _blur(films.repeat(2, 1, 1), sigma.repeat(2), largest)[:1]
    size = films.shape[-1]
    radius = min(size - 1, math.ceil(3 * largest * size))
    steps = torch.arange(-radius, radius + 1, device=films.device)
    kernel = torch.exp(-0.5 * (steps / (sigma[:, None] * size)) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True))[:, None]
    wide = pad(films[None], (radius,) * 4, mode="reflect")
    across = conv2d(wide, kernel[:, :, None, :], groups=len(films))
    return conv2d(across, kernel[:, :, :, None], groups=len(films))[0]


def _crop(how: Augment, area: Tensor, aspect: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Sides (n, 2) and centres (n, 2) of crops within the film, x and y, in its half sides.

    The area is uniform in its range, the aspect log-uniform in what of its range fits into the film at that area:
    torchvision draws again what does not fit, which makes large crops rarer than asked for.
    """
    share = _between(how.crop_area, area)
    low, high = share.clamp(min=how.crop_aspect[0]).log(), (1 / share).clamp(max=how.crop_aspect[1]).log()
    ratio = (low + (high - low) * aspect).exp()
    sides = torch.stack([share * ratio, share / ratio], dim=1).sqrt().clamp(max=1)
    return sides, place * (1 - sides)


def _between(ends: tuple[float, float], u: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * u
