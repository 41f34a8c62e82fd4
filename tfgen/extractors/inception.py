"""Inception-v3 from the user's files: Keras' weights, or the graph of 2015-12-05, by which the FID is defined.

Neither is downloaded, and no package contains them. They differ in training, padding and pooling. Only the distance
between features of the 2015 graph is the Fréchet Inception distance of Heusel et al. 2017 (arXiv:1706.08500).
"""

import functools
import hashlib
import pathlib
from collections.abc import Callable

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.extractors.base import RESIZE, Extractor, compiled
from tfgen.extractors.hashes import sha256_of

SIDE = 299
# md5, as Keras itself checks them (keras.applications) -> include_top.
KERAS_WEIGHTS = {
    "9a0d58056eeedaa3f26cb7ebd46da564": True,
    "bcbd6486424b2319ff4ef7d526e38f63": False,
}
# classify_image_graph_def.pb of inception-2015-12-05.tgz, 95,673,916 bytes; other evaluation libraries pin it too.
FID_MD5 = "e6bb154e85f5d4331c22abcddb5dcf31"


def inception_v3(path: str) -> Extractor:
    """Any picture: 2048 features of Keras' Inception-v3, from its weights file.

    Args:
        path: inception_v3_weights_tf_dim_ordering_tf_kernels.h5 (with class probabilities) or
            inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 (without).

    Raises:
        UserError: no such file, or another one.
    """
    top = KERAS_WEIGHTS.get(_md5(path))
    if top is None:
        raise UserError(
            f"{path} is not Keras' file of Inception-v3 weights (its md5 is none of {', '.join(KERAS_WEIGHTS)}); "
            "expected inception_v3_weights_tf_dim_ordering_tf_kernels.h5 or ..._notop.h5; other networks are keras:FILE"
        )
    model = application(top)
    model.load_weights(path)
    return Extractor(
        compiled(functools.partial(_keras_outputs, model), (SIDE, SIDE), 3),
        name="inception_v3",
        version="keras-top" if top else "keras-notop",
        sha256=sha256_of(path),
        image_size=(SIDE, SIDE),
        channels=3,
        classes=1000 if top else None,
        dataset="imagenet",
        general=True,
        resize=f"{RESIZE}; then 2 x - 1",
        batch_size=50,
    )


def application(top: bool) -> keras.Model:
    """Builds Keras' untrained Inception-v3: image in [-1, 1] -> features, or a dict with "probabilities" too."""
    model = keras.applications.InceptionV3(weights=None, include_top=top, pooling=None if top else "avg")
    if not top:
        return model
    outputs = {"features": model.get_layer("avg_pool").output, "probabilities": model.output}
    return keras.Model(model.input, outputs)


def fid(path: str) -> Extractor:
    """Any picture: 2048 features of the Inception graph of 2015-12-05, from classify_image_graph_def.pb.

    Images of up to 299 pixels per side enter at their own size: the graph enlarges them itself (bilinear, without
    half-pixel centres), as in published FIDs. Larger ones are brought to 299 x 299 first, antialiased. Probabilities
    are those of the 1008 outputs without their bias, as in published Inception scores.

    Args:
        path: classify_image_graph_def.pb of inception-2015-12-05.tgz.

    Raises:
        UserError: no such file, or another one.
    """
    found = _md5(path)
    if found != FID_MD5:
        raise UserError(
            f"{path} is not the Inception graph of 2015-12-05, classify_image_graph_def.pb (md5 {found}, expected "
            f"{FID_MD5}): only that one gives an FID; load other networks as keras:FILE or savedmodel:FOLDER"
        )
    network, classes = frozen_network(pathlib.Path(path).read_bytes())
    return Extractor(
        network,
        name="fid",
        version="2015-12-05",
        sha256=sha256_of(path),
        image_size=(SIDE, SIDE),
        channels=3,
        classes=classes,
        dataset="imagenet",
        general=True,
        is_fid=True,
        resize=f"up to 299 pixels a side: the graph's own bilinear, to 299 x 299; larger: {RESIZE}",
        upscale=False,
        batch_size=50,
    )


def frozen_network(serialised: bytes) -> tuple[Callable, int]:
    """Returns (the function of the 2015 graph, its number of classes).

    The function maps images float32 [B, H, W, 3] in [0, 1] to (features, probabilities). It runs in a session:
    TensorFlow removed the graph's batch normalisation (BatchNormWithGlobalNormalization) with version 9 of GraphDef,
    and a `tf.function` does not keep the older version of this graph.
    """
    v1 = tf.compat.v1
    graph_def = v1.GraphDef.FromString(serialised)
    with tf.Graph().as_default() as graph:
        images = v1.placeholder(tf.float32, (None, None, None, 3))
        names = ["pool_3:0", "softmax/logits/MatMul"]
        pool, product = tf.graph_util.import_graph_def(graph_def, {"ExpandDims:0": 255.0 * images}, names, name="")
        kernel = product.inputs[1]
        features = tf.reshape(pool, (-1, kernel.shape[0]))
        outputs = features, tf.nn.softmax(features @ kernel)
    session = v1.Session(graph=graph)

    def network(batch):
        return session.run(outputs, {images: batch.numpy()})

    return network, int(kernel.shape[1])


def _keras_outputs(model, images):
    outputs = model(2.0 * images - 1.0, training=False)
    return (outputs["features"], outputs["probabilities"]) if isinstance(outputs, dict) else (outputs, None)


def _md5(path):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
