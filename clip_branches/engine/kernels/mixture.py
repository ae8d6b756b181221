"""Fitting two normal distributions of one variance to scores, a few of which are labelled."""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.newton import cholesky, solve_lower, solve_upper

_STEPS = 60
_H = 1e-4


@njit(nogil=True, cache=True, error_model="numpy")
def mixture_loss(q, u, right, wrong, label_weight, prior_right, prior_wrong, gradient, valued):  # type: ignore[no-untyped-def]
    """Negative log likelihood, of no use unless ``valued``; its gradient into ``gradient``.

    q = (log odds of the share of right ones, mean of the wrong, log variance, log distance of the means). Unlabelled
    scores ``u`` count through their density, labelled ones through P(right | score).
    """
    eta, low = q[0], q[1]
    variance, gap = np.exp(q[2]), np.exp(q[3])
    share = 1.0 / (1.0 + np.exp(-eta))
    log_wrong = -np.log1p(np.exp(eta))
    value = prior_right * np.log(share) + prior_wrong * log_wrong
    g0 = prior_right - (prior_right + prior_wrong) * share
    g1, g2, g3 = 0.0, 0.0, 0.0
    for i in range(u.shape[0]):
        from_low = u[i] - low
        from_high = from_low - gap
        odds = eta + gap * (from_low - gap / 2) / variance
        decay = np.exp(-abs(odds))
        member = (1.0 if odds > 0 else decay) / (1.0 + decay)
        if valued:
            value += log_wrong - 0.5 * (q[2] + from_low * from_low / variance) + max(odds, 0.0) + np.log1p(decay)
        g0 += member - share
        g1 += (member * from_high + (1 - member) * from_low) / variance
        g2 += 0.5 * ((member * from_high * from_high + (1 - member) * from_low * from_low) / variance - 1)
        g3 += gap * member * from_high / variance
    for side in range(2):
        labelled = right if side == 0 else wrong
        sign = 1.0 if side == 0 else -1.0
        for i in range(labelled.shape[0]):
            middle = labelled[i] - low - gap / 2
            odds = sign * (eta + gap * middle / variance)
            decay = np.exp(-abs(odds))
            value -= label_weight * (max(-odds, 0.0) + np.log1p(decay))
            rise = label_weight * sign * (decay / (1.0 + decay) if odds > 0 else 1.0 / (1.0 + decay))
            g0 += rise
            g1 -= rise * gap / variance
            g2 -= rise * gap * middle / variance
            g3 += rise * gap * (middle - gap / 2) / variance
    gradient[0], gradient[1], gradient[2], gradient[3] = -g0, -g1, -g2, -g3
    return -value


@njit(nogil=True, cache=True)
def fit_mixture(q, least, most, u, right, wrong, label_weight, prior_right, prior_wrong):  # type: ignore[no-untyped-def]
    """Descend from ``q`` (changed in place) within the bounds ``least`` and ``most``; returns the loss reached.

    Damped Newton steps (Levenberg) on a curvature taken by differences of the exact gradient.
    """
    size = q.shape[0]
    gradient, other = np.empty(size), np.empty(size)
    curvature = np.empty((size, size))
    damping = 1.0
    loss = mixture_loss(q, u, right, wrong, label_weight, prior_right, prior_wrong, gradient, True)
    for _ in range(_STEPS):
        for a in range(size):
            moved = q.copy()
            moved[a] += _H
            mixture_loss(moved, u, right, wrong, label_weight, prior_right, prior_wrong, other, False)
            curvature[a] = (other - gradient) / _H
        curvature = 0.5 * (curvature + curvature.T)
        better = False
        gained = 0.0
        while damping < 1e12:
            damped = curvature.copy()
            for a in range(size):
                damped[a, a] += damping
            root = cholesky(damped)
            positive = True
            for a in range(size):
                positive = positive and root[a, a] > 1e-3
            if positive:
                step = solve_upper(root, solve_lower(root, gradient))
                moved = np.minimum(np.maximum(q - step, least), most)
                lower = mixture_loss(moved, u, right, wrong, label_weight, prior_right, prior_wrong, other, True)
                if lower < loss:
                    gained = loss - lower
                    q[:] = moved
                    loss = lower
                    gradient[:] = other
                    damping = max(damping / 4, 1e-6)
                    better = True
                    break
            damping *= 4
        if not better or gained < 1e-7 * max(1.0, abs(loss)):
            break
    return loss
