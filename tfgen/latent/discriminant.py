"""Linear discriminant analysis, in closed form: a classifier of features, and directions in latents."""

import numpy as np

RIDGE = 1e-3  # of the mean variance, added to the covariance: features may be constant, or fewer rows than features


class Discriminant:
    """Gaussians of one covariance S, one per class: p(c | x) = softmax_c(x' S^-1 m_c - m_c' S^-1 m_c / 2 + log p_c).

    Fisher 1936; here for any number of classes, those without rows never being predicted.

    Args:
        x: float [N, F].
        labels: int [N].
        classes: number of classes.
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, classes: int) -> None:
        x, labels = np.asarray(x, np.float64), np.asarray(labels)
        counts = np.bincount(labels, minlength=classes)
        onehot = (labels[:, None] == np.arange(classes)).astype(np.float64)
        self.means = onehot.T @ x / np.maximum(counts, 1)[:, None]
        within = x - self.means[labels]
        covariance = within.T @ within / max(len(x) - np.count_nonzero(counts), 1)
        covariance += np.eye(x.shape[1]) * (RIDGE * np.trace(covariance) / x.shape[1] + 1e-12)
        self.weights = np.linalg.solve(covariance, self.means.T)  # [F, classes]
        with np.errstate(divide="ignore"):
            self.offsets = np.log(counts / counts.sum()) - 0.5 * np.einsum("cf,fc->c", self.means, self.weights)

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Returns p(c | x), float64 [N, classes], for x float [N, F]."""
        scores = np.asarray(x, np.float64) @ self.weights + self.offsets
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def accuracy(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Returns the share of the rows of x [N, F] whose most probable class is their label, int [N]."""
        return float((self.probabilities(x).argmax(axis=1) == labels).mean())
