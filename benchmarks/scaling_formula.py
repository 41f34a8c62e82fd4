"""What a training step costs on W workers: the arithmetic of `benchmarks.scaling`."""

import dataclasses

WORKERS = tuple(2**i for i in range(11))  # 1 to 1024
HALF = 0.5


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What the workers exchange in one training step.

    Attributes:
        updates: bytes of gradients of every update, float32 (a phase of k steps counts k times).
        small: all-reduces of a few numbers besides: batch statistics, logged means. Their bytes are not counted.
    """

    updates: tuple[int, ...]
    small: int = 0


@dataclasses.dataclass(frozen=True)
class Network:
    """bandwidth in bytes/s of each worker's link, one way; latency in s of one message to a neighbour."""

    bandwidth: float
    latency: float


@dataclasses.dataclass(frozen=True)
class Setting:
    """All that a prediction follows from.

    Attributes:
        fixed: s of a step that do not depend on the batch. image: s for each image of a worker's share.
        traffic: `Traffic`. network: `Network`.
        images: that a step takes for each image of batch_size: k, where the discriminator has k updates a step.
    """

    fixed: float
    image: float
    traffic: Traffic
    network: Network
    images: int = 1

    def compute_seconds(self, share):
        """fixed + image b: of a step on a worker's share b of the batch."""
        return self.fixed + self.image * share

    def exchange_seconds(self, workers):
        """Of all exchanges of a step: a ring for every update, and the hops alone for every small all-reduce."""
        rings = sum(ring_seconds(size, workers, self.network) for size in self.traffic.updates)
        return rings + self.traffic.small * hops(workers) * self.network.latency

    def step_seconds(self, workers, batch):
        """fixed + image B / W + exchanges: nothing is exchanged while a worker computes, as TensorFlow does it."""
        return self.compute_seconds(batch / workers) + self.exchange_seconds(workers)

    def rate(self, workers, batch):
        """Images/s of a global batch B: images B / step_seconds."""
        return self.images * batch / self.step_seconds(workers, batch)

    def efficiency(self, workers, batch, batch_of_one):
        """rate(W) / (W rate(1)); `batch_of_one` is what one worker trains on."""
        return self.rate(workers, batch) / (workers * self.rate(1, batch_of_one))


def hops(workers):
    """2 (W - 1) messages one after the other: W - 1 to sum the parts, W - 1 to hand the sums round."""
    return 2 * (workers - 1)


def ring_bytes(size, workers):
    """2 (W - 1) / W n: what each worker sends of n bytes (Patarasuk and Yuan 2009, the least that is possible)."""
    return 2 * (workers - 1) / workers * size


def ring_seconds(size, workers, network):
    """2 (W - 1) / W n / bandwidth + 2 (W - 1) latency."""
    return ring_bytes(size, workers) / network.bandwidth + hops(workers) * network.latency


def cost(rate, workers, price):
    """Currency per million images: 10^6 / rate seconds of W workers at `price` an hour each."""
    return 1e6 / rate / 3600 * workers * price


def falls_below(efficiency, limit=HALF, most=WORKERS[-1]):
    """The first number of workers with `efficiency(W) < limit`, or None up to `most`."""
    return next((w for w in range(1, most + 1) if efficiency(w) < limit), None)


def line(points):
    """(fixed, image): the least-squares line through [(share, seconds), ...], neither below zero."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0, mean_y / mean_x
    slope = max(0.0, sum((x - mean_x) * (y - mean_y) for x, y in points) / spread)
    fixed = mean_y - slope * mean_x
    return (fixed, slope) if fixed >= 0 else (0.0, mean_y / mean_x)


def bandwidth_of(rows, setting, crowd):
    """The bytes/s at which two measured workers exchanged gradients; infinite where it took no time to speak of.

    T - compute - hops latency = n / bandwidth, with 2 (W - 1) / W = 1 for W = 2; averaged over `rows`.
    """
    two = [row for row in rows if row["workers"] == 2]
    hop = (len(setting.traffic.updates) + setting.traffic.small) * hops(2) * setting.network.latency
    left = [row["seconds"] - crowd(2) * setting.compute_seconds(row["batch_size"] / 2) - hop for row in two]
    seconds = sum(left) / len(left) if left else 0.0
    return sum(setting.traffic.updates) / seconds if seconds > 0 else float("inf")


def crowding(threads, cores):
    """f(W): by how much workers that share one machine slow each other: max(1, W threads / cores)."""
    return lambda workers: max(1.0, workers * threads / cores)
