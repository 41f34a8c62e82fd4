"""The parts that train: which contenders take turns in each, and which ratios of theirs are stated.

A part is a function `part(settings) -> Part`; the TensorFlow contenders are built when their first window begins.
"""

import sys

from benchmarks import measuring
from benchmarks.measuring import Comparison
from benchmarks.part import Part, first_asked, from_child, trained
from tfgen.machine.precision import CPU_FLAGS
from tfgen.machine.processor import cpu_flags

SIZES = (512, 1024, 2048, 4096)  # of the products that measure the peak; a tiny network gets tiny ones
VAE = {"units": 512, "latent": 20}


def fit(settings):
    """tfgen's `fit` against hand-written loops of the same updates."""
    from benchmarks import sides

    contenders = {
        "hand-written loop": sides.loop(sides.alternating),
        "tfgen fit": sides.tfgen_fit(),
        "tfgen fit, EMA of G": sides.tfgen_fit(ema=0.999),
        "hand-written loop, shared pass": sides.loop(sides.shared),
        "tfgen fit, shared pass": sides.tfgen_fit(shared_pass=True),
    }
    comparisons = [
        Comparison("tfgen fit", "hand-written loop", 0.97),
        Comparison("tfgen fit, EMA of G", "hand-written loop"),
        Comparison("tfgen fit, shared pass", "hand-written loop, shared pass", 0.97),
    ]
    return Part(
        "tfgen's fit and a hand-written tf.function loop",
        {name: trained(make, settings) for name, make in contenders.items()},
        comparisons,
        notes=("The same networks, batch, updates and order of passes on both sides of a ratio.",),
    )


def published(settings):
    """The steps of TensorFlow's tutorial and of keras.io beside tfgen's."""
    from benchmarks import sides

    contenders = {
        "TensorFlow's tutorial": sides.loop(sides.tutorial),
        "keras.io": sides.keras_io,
        "tfgen fit": sides.tfgen_fit(),
        "tfgen fit, shared pass": sides.tfgen_fit(shared_pass=True),
    }
    comparisons = [
        Comparison("tfgen fit, shared pass", "TensorFlow's tutorial"),
        Comparison("tfgen fit", "keras.io"),
        Comparison("tfgen fit", "TensorFlow's tutorial"),
    ]
    return Part(
        "The published steps of TensorFlow's DCGAN tutorial and of keras.io",
        {name: trained(make, settings) for name, make in contenders.items()},
        comparisons,
        notes=(
            "The steps differ in arithmetic: the tutorial takes both gradients from one pass of each network, keras.io "
            "passes real and fake images through D as one batch and makes fresh ones for G, as tfgen does by default; "
            "with a shared pass tfgen runs D on the fake images once more, after D's update.",
        ),
    )


def torch(settings):
    """PyTorch with the same network in the same order of passes."""
    from benchmarks import sides

    arguments = {"batch_size": settings.batch_size, "width": settings.width}
    child = from_child(settings, "benchmarks.torch_side", arguments)
    units = sorted(set(CPU_FLAGS) & cpu_flags())
    contenders, comparisons = {}, []
    for half in (False, True) if units else (False,):
        kind, policy = (", bfloat16", "mixed_bfloat16") if half else ("", "float32")
        for shared in (False, True):
            order = ", shared pass" if shared else ""
            mine, other = f"tfgen fit{order}{kind}", f"PyTorch{order}{kind}"
            contenders[other] = child.contender(f"{shared} {half}")
            contenders[mine] = trained(sides.tfgen_fit(shared_pass=shared, policy=policy), settings)
            comparisons.append(Comparison(mine, other, None if half or shared else 1.3))
        comparisons.append(Comparison(f"tfgen fit, shared pass{kind}", f"PyTorch{kind}", 1.6 if half else 1.5))
    said = f"PyTorch {child.about['version']} with {child.about['threads']} threads, channels-last, fused Adam."
    without = "No bfloat16: this processor has neither avx512_bf16 nor amx_bf16, and would only emulate it."
    notes = (said, f"bfloat16 by {units[0]}." if units else without)
    return Part("PyTorch", contenders, comparisons, notes=notes, close=child.close)


def pythae(settings):
    """pythae's VAE against the same one in tfgen."""
    arguments = {"batch_size": settings.batch_size, **VAE}
    child = from_child(settings, "benchmarks.pythae_side", arguments)

    def tfgen_vae():
        import tfgen
        from benchmarks import sides

        options = {"network": "dense", "units": (VAE["units"],), "activation": "relu", "latent_dim": VAE["latent"]}
        model = tfgen.build_model("vae", image_shape=(28, 28, 1), **options)
        return sides.fitted(model, settings.images, settings.batch_size)

    contenders = {"pythae": child.contender("pythae"), "tfgen vae": first_asked(tfgen_vae)}
    versions = ", ".join(f"{name} {version}" for name, version in child.about.items())
    said = f"784-512-20-512-784, Adam, float32, each by its own trainer; {versions}."
    return Part("pythae's VAE", contenders, [Comparison("tfgen vae", "pythae", 1.4)], notes=(said,), close=child.close)


def onednn(settings):
    """Training with and without oneDNN's kernels, which TensorFlow uses by itself on some processors only."""
    arguments = {"batch_size": settings.batch_size, "width": settings.width}
    children = {
        f"tfgen fit, shared pass, oneDNN {said}": from_child(
            settings, "benchmarks.tf_side", arguments, sys.executable, {"TF_ENABLE_ONEDNN_OPTS": value}
        )
        for value, said in (("0", "off"), ("1", "on"))
    }
    off, on = children
    note = "TF_ENABLE_ONEDNN_OPTS=1 turns it on, 0 off; sums in another order are other bits."

    def close():
        for child in children.values():
            child.close()

    contenders = {name: child.contender("fit") for name, child in children.items()}
    return Part("oneDNN", contenders, [Comparison(on, off)], notes=(note,), close=close)


def peak(settings):
    """The share of the measured peak of matrix products that a training step reaches."""
    from benchmarks import network, sides

    sizes = [size for size in SIZES if size <= max(64 * settings.width, SIZES[0])]
    products = {f"product of {size} x {size}": first_asked(sides.matrix_product, size) for size in sizes}
    steps = {
        "tfgen fit": ("default", sides.tfgen_fit()),
        "tfgen fit, shared pass": ("shared", sides.tfgen_fit(shared_pass=True)),
    }
    networks = network.generator(settings.width), network.discriminator(settings.width)

    def shares(found):
        speeds = {name: [w.done / w.wall for w in rows] for name, rows in found.items()}
        best = [max(speeds[name][turn] for name in products) for turn in range(settings.repeats)]
        rows = {}
        for name, (order, _) in steps.items():
            for zeros, said in ((True, ""), (False, ", without products with the zeros around a map")):
                flops = network.step_flops(*networks, order, zeros)
                values = [flops * speed / top for speed, top in zip(speeds[name], best)]
                wanted = 0.75 if zeros else None
                row = {"flops_per_image": flops, "wanted": wanted, "values": values, **measuring.spread(values)}
                rows[f"{name}{said}"] = row
        return {"peak_gflops": measuring.spread([top / 1e9 for top in best]), "share_of_peak": rows}

    contenders = products | {name: trained(make, settings) for name, (_, make) in steps.items()}
    return Part(
        "Share of the measured peak of float32 matrix products",
        contenders,
        unit="per second: operations of products, images of steps",
        notes=("Operations of a step are counted by `benchmarks.network.step_flops`; the peak is the best size's.",),
        details=shares,
    )
