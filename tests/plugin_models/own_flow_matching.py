"""Flow matching (Lipman et al. 2023; Liu et al. 2023): a velocity from noise to data, an iterative sampler."""

import tensorflow as tf

import tfgen
from plugin_models import networks


class FlowMatching(tfgen.GenerativeModel):
    """v(x_t, t) = x_1 - x_0 on x_t = (1 - t) x_0 + t x_1, with x_0 ~ N(0, I)."""

    default_optimizers = {"velocity": {"learning_rate": 1e-3}}
    sampling_network = "velocity"

    def __init__(self, velocity, *, steps=8, **options):
        super().__init__({"velocity": velocity}, value_range=(-1.0, 1.0), ema=0.9, averaged=("velocity",), **options)
        self.sampling_steps = steps

    @property
    def phases(self):
        return [tfgen.Phase("velocity", ("velocity",), "velocity", self.flow_terms)]

    @property
    def sampler(self):
        return tfgen.samplers.heun(self.sampling_steps)

    def flow_terms(self, batch, step):
        """E |v(x_t, t) - (x_1 - x_0)|^2, t ~ U(0, 1)."""
        data = batch["image"]
        noise, time = step.noise.normal("noise", tf.shape(data)), step.noise.uniform("time", [tf.shape(data)[0]])
        t = time[:, None, None, None]
        v = step.run("velocity", {**batch, "image": (1.0 - t) * noise + t * data, "time": time})
        return {"flow_loss": tf.reduce_mean(tf.square(v - (data - noise)))}

    def velocity(self, x, time, conditions, networks=None):
        return self.infer("velocity", {"image": x, "time": time, **(conditions or {})}, networks)


@tfgen.register_model("own_flow_matching")
def own_flow_matching(fields, *, width: int = 16, steps: int = 8, learning_rate: float = 1e-3, seed: int = 0):
    """Flow matching of images under a class label."""
    velocity = networks.velocity(fields["image"].shape, width, int(fields["label"].range[1]))
    model = FlowMatching(velocity, steps=steps, fields={name: fields[name] for name in ("image", "label")}, seed=seed)
    model.compile(tfgen.make_optimizer("adam", learning_rate))
    return model
