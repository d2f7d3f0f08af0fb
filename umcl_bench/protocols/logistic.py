"""L2-penalised logistic regression: all classes and strengths at once, to scikit-learn's optimum.

Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.4) in the variables w and b of every head side by side. What
makes it short is the metric that it starts from: the exact second derivative of a head that says the same of all films,
from one decomposition of the features' covariance. In it directions in which features vary little are no longer slow,
as after whitening; the penalty stays the one of w itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from umcl_bench.metrics.scores import Floats
from umcl_bench.models.base import Matrix

_MEMORY = 10
_FLAT = 0.5
_STEPS = 20


class Heads(NamedTuple):
    """Weights (k, d, c), intercepts (k, c), whether each is at the optimum (k, c), and the iterations that it took."""

    weights: Floats
    intercepts: Floats
    converged: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    iterations: int

    def only(self, strength: int) -> Heads:
        """Those of one strength, by its number."""
        one = slice(strength, strength + 1)
        return Heads(self.weights[one], self.intercepts[one], self.converged[one], self.iterations)

    def log_odds(self, z: Matrix) -> Floats:
        """Features (n, d) -> (k, n, c)."""
        return np.asarray(z.astype(np.float64) @ self.weights + self.intercepts[:, None])


def fit_logistic(
    z: Matrix, labels: Floats, strengths: Sequence[float], tolerance: float, max_iterations: int, device: str = "cpu"
) -> Heads:
    """Heads for labels (n, c) in {1, 0, NaN} on features (n, d), for each of k strengths C.

    A head's objective is C x the sum over its labelled films of log(1 + e^s) - y s, s = z w + b, + |w|^2 / 2. The
    features should have mean 0: they need not, but the search is longer. It ends where the objective is predicted to
    fall by less than `tolerance` of itself, or after `max_iterations`. Each class needs films of both sides; ValueError
    where one has not. In float32.
    """
    _check_sides(labels)
    problem = _Problem(torch.from_numpy(np.asarray(z, dtype=np.float32)).to(device), labels, strengths)
    theta, done, iterations = _minimise(problem, tolerance, max_iterations)
    k, c = len(strengths), labels.shape[1]
    found = theta.double().cpu().numpy().reshape(-1, k, c)
    return Heads(found[:-1].transpose(1, 0, 2), found[-1], done.cpu().numpy().reshape(k, c), iterations)


def fit_scikit_learn(
    z: Matrix, labels: Floats, strengths: Sequence[float], tolerance: float, max_iterations: int
) -> Heads:
    """The same by scikit-learn, one head after the other; `tolerance` is its own, of the gradient. In float64."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    _check_sides(labels)
    k, c = len(strengths), labels.shape[1]
    heads = Heads(np.empty((k, z.shape[1], c)), np.empty((k, c)), np.ones((k, c), dtype=bool), 0)
    iterations = 0
    for i, strength in enumerate(strengths):
        for j in range(c):
            known = ~np.isnan(labels[:, j])
            model = LogisticRegression(C=strength, tol=tolerance, max_iter=max_iterations)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(z[known].astype(np.float64), labels[known, j])
            heads.weights[i, :, j], heads.intercepts[i, j] = model.coef_[0], model.intercept_[0]
            heads.converged[i, j] = model.n_iter_[0] < max_iterations
            iterations = max(iterations, int(model.n_iter_[0]))
    return heads._replace(iterations=iterations)


def _check_sides(labels: Floats) -> None:
    lacking = [j for j in range(labels.shape[1]) if not ((labels[:, j] == 1).any() and (labels[:, j] == 0).any())]
    if lacking:
        raise ValueError(f"classes {lacking} have no positive or no negative sample")


class _Problem:
    """The objectives of p = k c heads, each divided by C x its labelled films: mean log loss + alpha |w|^2 / 2.

    Variables and gradients are (d + 1, p): the weights of each head in a column, its intercept below.
    """

    def __init__(self, z: Tensor, labels: Floats, strengths: Sequence[float]) -> None:
        self.z = z
        self.shape = (len(z), len(strengths), labels.shape[1])
        known = torch.from_numpy(~np.isnan(labels)).to(z.device)
        self.known = None if bool(known.all()) else known.to(z.dtype)[:, None]
        self.target = torch.from_numpy(np.nan_to_num(labels)).to(z)[:, None]
        count = known.sum(dim=0)
        positives = torch.from_numpy(np.nansum(labels, axis=0)).to(z)
        self.count = count.repeat(len(strengths)).to(z.dtype)
        self.share = (positives / count).repeat(len(strengths))
        strength = torch.tensor(strengths, dtype=z.dtype, device=z.device).repeat_interleave(labels.shape[1])
        self.alpha = 1 / (strength * self.count)
        self.axes, spread = principal_axes(z)
        curvature = self.share * (1 - self.share)
        self.curvature = (spread[:, None] * curvature + self.alpha, curvature)

    def start(self) -> Tensor:
        """Heads that say of every film how frequent the class is."""
        theta = torch.zeros(self.z.shape[1] + 1, len(self.share), dtype=self.z.dtype, device=self.z.device)
        theta[-1] = torch.logit(self.share)
        return theta

    def scores(self, theta: Tensor) -> Tensor:
        """The films' s (n, p)."""
        return torch.addmm(theta[-1], self.z, theta[:-1])

    def residual(self, scores: Tensor) -> Tensor:
        """The derivative of each film's log loss by its score (n, p): probability - label, 0 without a label."""
        found = torch.sigmoid(scores).view(self.shape).sub_(self.target)
        if self.known is not None:
            found *= self.known
        return found.view(len(self.z), -1)

    def gradient(self, theta: Tensor, residual: Tensor) -> Tensor:
        """By the variables, of those whose residual (n, p) is given."""
        by_weights = self.z.T @ residual / self.count + self.alpha * theta[:-1]
        return torch.cat([by_weights, (residual.sum(dim=0) / self.count)[None]])

    def least(self, theta: Tensor, residual: Tensor) -> Tensor:
        """What the objective is at least (p,): a log loss, -log(1 - r), is at least its residual r."""
        return residual.abs().sum(dim=0) / self.count + self.alpha * (theta[:-1] ** 2).sum(dim=0) / 2

    def divided(self, gradient: Tensor) -> Tensor:
        """A gradient (d + 1, p) by the second derivative at the start."""
        of_weights, of_intercept = self.curvature
        by_weights = self.axes @ (self.axes.T @ gradient[:-1] / of_weights)
        return torch.cat([by_weights, (gradient[-1] / of_intercept)[None]])


def principal_axes(z: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal axes (d, r) in which z^T z / n is diagonal, and its values (r,); r is the smaller of n and d."""
    base = None
    if len(z) < z.shape[1]:
        base = torch.linalg.qr(z.T.double()).Q
        z = (z.double() @ base).to(z.dtype)
    values, axes = torch.linalg.eigh((z.T @ z / len(z)).double())
    axes = axes if base is None else base @ axes
    return axes.to(z.dtype), values.clamp(min=0).to(z.dtype)


class _Past:
    """The last steps and what they changed of the gradient, from which BFGS has its metric."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        self.scale: Tensor | float = 1.0

    def add(self, problem: _Problem, step: Tensor, change: Tensor) -> None:
        """Remembers a step; one that shows no curvature says nothing."""
        curvature = (step * change).sum(dim=0)
        good = curvature > 0
        self.pairs = [*self.pairs[1 - _MEMORY :], (step, change, torch.where(good, 1 / curvature, 0.0))]
        length = (change * problem.divided(change)).sum(dim=0)
        self.scale = torch.where(good & (length > 0), curvature / length, 1.0)

    def direction(self, problem: _Problem, gradient: Tensor) -> Tensor:
        """Where to go from a point with that gradient: the two loops."""
        found, factors = gradient.clone(), []
        for step, change, inverse in reversed(self.pairs):
            factors.append(inverse * (step * found).sum(dim=0))
            found -= factors[-1] * change
        found = self.scale * problem.divided(found)
        for (step, change, inverse), factor in zip(self.pairs, reversed(factors), strict=True):
            found += step * (factor - inverse * (change * found).sum(dim=0))
        return -found


def _minimise(problem: _Problem, tolerance: float, max_iterations: int) -> tuple[Tensor, Tensor, int]:
    """The variables, which heads are at the optimum (p,), and the iterations."""
    theta, past = problem.start(), _Past()
    scores = problem.scores(theta)
    residual = problem.residual(scores)
    gradient = problem.gradient(theta, residual)
    done = torch.zeros(theta.shape[1], dtype=torch.bool, device=theta.device)
    for iteration in range(max_iterations + 1):
        direction = past.direction(problem, gradient)
        slope = (gradient * direction).sum(dim=0)
        done |= -slope / 2 <= tolerance * problem.least(theta, residual)
        if iteration == max_iterations or bool(done.all()):
            break
        along = problem.scores(direction)
        length, residual = _line_search(problem, theta, direction, scores, along, slope, done)
        scores.addcmul_(along, length)
        step, before = direction * length, gradient
        theta = theta + step
        gradient = problem.gradient(theta, residual)
        past.add(problem, step, gradient - before)
    return theta, done, iteration


def _line_search(
    problem: _Problem, theta: Tensor, direction: Tensor, scores: Tensor, along: Tensor, slope: Tensor, done: Tensor
) -> tuple[Tensor, Tensor]:
    """How far to go in each head's direction (p,), 0 for those that are done, and the residual there.

    As far as the slope is at most half of that at the start. The objective is convex: the place lies between one with a
    falling and one with a rising slope, and is looked for by the secant of these, kept away from both ends.
    """
    linear = problem.alpha * (theta[:-1] * direction[:-1]).sum(dim=0)
    square = problem.alpha * (direction[:-1] ** 2).sum(dim=0)
    length = torch.where(done, 0.0, 1.0)
    low, at_low = torch.zeros_like(slope), slope
    high, at_high = torch.full_like(slope, torch.inf), torch.zeros_like(slope)
    for trial in range(_STEPS):
        residual = problem.residual(torch.addcmul(scores, along, length))
        here = (residual * along).sum(dim=0) / problem.count + linear + length * square
        found = done | (here.abs() <= _FLAT * slope.abs())
        if trial == _STEPS - 1 or bool(found.all()):
            break
        falling = here < 0
        low, at_low = torch.where(falling, length, low), torch.where(falling, here, at_low)
        high, at_high = torch.where(falling, high, length), torch.where(falling, at_high, here)
        secant = low - at_low * (high - low) / (at_high - at_low)
        margin = (high - low) / 10
        between = torch.minimum(torch.maximum(secant, low + margin), high - margin)
        length = torch.where(found, length, torch.where(torch.isinf(high), 2 * length, between))
    return length, residual
