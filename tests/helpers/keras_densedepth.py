"""A random model of DenseDepth, built, saved and run by TensorFlow's Keras 2; for `test_depth_densedepth.py`.

    python keras_densedepth.py FOLDER

writes FOLDER/model.h5 and FOLDER/expected.npz (images, depth). Needs tensorflow and tf_keras. Resizing is that of
TensorFlow 1's `resize_images(..., align_corners=True)`, with which the published weights were trained.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers


class BilinearUpSampling2D(layers.Layer):
    """Twice the size, with the corners of both grids on each other."""

    def call(self, x):  # type: ignore[no-untyped-def]
        shape = tf.shape(x)
        return tf.compat.v1.image.resize_bilinear(x, (2 * shape[1], 2 * shape[2]), align_corners=True)


def build(width: int, *, leak_between: bool):  # type: ignore[no-untyped-def]
    encoder = keras.applications.DenseNet169(input_shape=(None, None, 3), include_top=False, weights=None)
    x = layers.Conv2D(width, 1, padding="same", name="conv2")(encoder.output)
    for number, skip in enumerate(("pool3_pool", "pool2_pool", "pool1", "conv1/relu"), 1):
        x = BilinearUpSampling2D(name=f"up{number}_upsampling2d")(x)
        x = layers.Concatenate(name=f"up{number}_concat")([x, encoder.get_layer(skip).output])
        x = layers.Conv2D(width // 2**number, 3, padding="same", name=f"up{number}_convA")(x)
        if leak_between:
            x = layers.LeakyReLU(alpha=0.2)(x)
        x = layers.Conv2D(width // 2**number, 3, padding="same", name=f"up{number}_convB")(x)
        x = layers.LeakyReLU(alpha=0.2)(x)
    return keras.Model(encoder.input, layers.Conv2D(1, 3, padding="same", name="conv3")(x))


def main(folder: Path, width: int, leak_between: bool) -> None:
    rng = np.random.default_rng(5)
    model = build(width, leak_between=leak_between)
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            kind, shape = variable.name.rpartition("/")[2].partition(":")[0], tuple(variable.shape)
            low, high = {"gamma": (0.7, 1.3), "moving_variance": (0.5, 1.5)}.get(kind, (-0.1, 0.1))
            drawn = rng.uniform(low, high, shape)
            if kind == "kernel":
                drawn = rng.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape)
            values.append(drawn.astype(np.float32))
        layer.set_weights(values)
    images = rng.integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)
    model.save(folder / "model.h5", save_format="h5", include_optimizer=False)
    np.savez(folder / "expected.npz", images=images, depth=model.predict(images / np.float32(255), verbose=0)[..., 0])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "leak")
