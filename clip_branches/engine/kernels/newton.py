"""Newton's method for penalised logistic regression, in one thread: a few dozen columns, about a thousand rows.

A linear-algebra library would start its own threads for these small matrices and stall under concurrent requests.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_STEPS = 40


@njit(nogil=True, cache=True)
def matrix_product(a, b):  # type: ignore[no-untyped-def]
    """a (n, m) times b (m, k)."""
    product = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            value = a[i, j]
            for k in range(b.shape[1]):
                product[i, k] += value * b[j, k]
    return product


@njit(nogil=True, cache=True)
def cholesky(a):  # type: ignore[no-untyped-def]
    """Lower root of a positive definite matrix."""
    n = a.shape[0]
    root = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= root[i, k] * root[j, k]
            root[i, j] = np.sqrt(max(total, 1e-300)) if i == j else total / root[j, j]
    return root


@njit(nogil=True, cache=True)
def solve_lower(root, b):  # type: ignore[no-untyped-def]
    """root^-1 b."""
    x = b.copy()
    for i in range(b.shape[0]):
        for k in range(i):
            x[i] -= root[i, k] * x[k]
        x[i] /= root[i, i]
    return x


@njit(nogil=True, cache=True)
def solve_upper(root, b):  # type: ignore[no-untyped-def]
    """root^-T b."""
    n = b.shape[0]
    x = b.copy()
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= root[k, i] * x[k]
        x[i] /= root[i, i]
    return x


@njit(nogil=True, cache=True)
def _scores(rows, offset, theta, out):  # type: ignore[no-untyped-def]
    for i in range(rows.shape[0]):
        total = offset[i]
        for d in range(theta.shape[0]):
            total += rows[i, d] * theta[d]
        out[i] = total


@njit(nogil=True, cache=True)
def _loss(scores, right, weight, penalty, theta):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(scores.shape[0]):
        signed = scores[i] if right[i] == 0.0 else -scores[i]
        total += weight[i] * (max(signed, 0.0) + np.log1p(np.exp(-abs(signed))))
    for d in range(theta.shape[0]):
        total += 0.5 * penalty[d] * theta[d] * theta[d]
    return total


@njit(nogil=True, cache=True)
def _derivatives(rows, right, weight, penalty, theta, scores, gradient, curvature):  # type: ignore[no-untyped-def]
    size = theta.shape[0]
    curvature[:] = 0.0
    for d in range(size):
        gradient[d] = penalty[d] * theta[d]
        curvature[d, d] = penalty[d]
    for i in range(rows.shape[0]):
        if weight[i] == 0.0:
            continue
        share = 1.0 / (1.0 + np.exp(-scores[i]))
        pull = weight[i] * (share - right[i])
        bend = weight[i] * share * (1.0 - share)
        for a in range(size):
            value = rows[i, a]
            gradient[a] += pull * value
            value *= bend
            for b in range(a + 1):
                curvature[a, b] += value * rows[i, b]


@njit(nogil=True, cache=True)
def newton_logistic(rows, right, weight, offset, penalty, leverage):  # type: ignore[no-untyped-def]
    """Mode theta (d,) of the penalised likelihood, the scores there (n,), the loss, and log det of the curvature.

    ``leverage`` (k,) receives x^T H^-1 x of the first k rows.
    """
    size = rows.shape[1]
    theta = np.zeros(size)
    scores = np.empty(rows.shape[0])
    trial = np.empty(rows.shape[0])
    gradient = np.empty(size)
    curvature = np.empty((size, size))
    _scores(rows, offset, theta, scores)
    loss = _loss(scores, right, weight, penalty, theta)
    for _ in range(_STEPS):
        _derivatives(rows, right, weight, penalty, theta, scores, gradient, curvature)
        root = cholesky(curvature)
        step = solve_upper(root, solve_lower(root, gradient))
        scale = 1.0
        moved = theta - step
        _scores(rows, offset, moved, trial)
        lower = _loss(trial, right, weight, penalty, moved)
        while lower > loss and scale > 1e-4:  # convex: a shorter Newton step always descends
            scale /= 2
            moved = theta - scale * step
            _scores(rows, offset, moved, trial)
            lower = _loss(trial, right, weight, penalty, moved)
        if lower > loss:
            break
        gained = loss - lower
        theta = moved
        loss = lower
        scores[:] = trial
        if gained < 1e-9:
            break
    _derivatives(rows, right, weight, penalty, theta, scores, gradient, curvature)
    root = cholesky(curvature)
    log_determinant = 0.0
    for d in range(size):
        log_determinant += 2.0 * np.log(root[d, d])
    for i in range(leverage.shape[0]):
        half = solve_lower(root, rows[i])
        leverage[i] = (half * half).sum()
    return theta, scores, loss, log_determinant
