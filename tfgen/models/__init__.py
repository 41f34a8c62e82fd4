"""Named models: the table of builders, and `build_model`. Importing this imports no TensorFlow."""

from registry import Registry
from tfgen.errors import UserError

MODELS = Registry(
    "model",
    {
        "ae": ("tfgen.models.vae:ae", "Plain autoencoder: the baseline that reconstructs and cannot generate."),
        "vae": ("tfgen.models.vae:vae", "Variational autoencoder (Kingma and Welling 2014)."),
        "gan": ("tfgen.models.gan:gan", "Generative adversarial network with dense networks (Goodfellow et al. 2014)."),
        "dcgan": ("tfgen.models.gan:dcgan", "Deep convolutional GAN (Radford et al. 2016)."),
        "cgan": ("tfgen.models.gan:cgan", "Conditional GAN: images of a chosen class (Mirza and Osindero 2014)."),
    },
    group="tfgen.models",
)
register_model = MODELS.register
model_names = MODELS.names


def build_model(name, image_shape=None, num_classes=None, fields=None, **options):
    """Builds and compiles the model called `name`.

    Args:
        name: one of `tfgen.model_names()`.
        image_shape: (H, W, C), each side 16 to 128 pixels; the shorthand for a data set of pictures.
        num_classes: number of classes of int64 labels, for conditional models.
        fields: instead of both, a data set's `Source.fields`.
        **options: the builder's keyword arguments, as values or as the text a flag would give.

    Raises:
        UserError: an unknown name or option, a value of the wrong type, a shape out of range.
    """
    from tfgen.data.source import Field
    from tfgen.recipes import options as option_values

    builder = MODELS.get(name)
    if fields is None:
        if image_shape is None:
            raise UserError(f"build_model({name!r}) needs image_shape=(height, width, channels), or fields=")
        fields = {"image": Field(tuple(int(side) for side in image_shape), "uint8", (0, 255))}
        if num_classes is not None:
            fields["label"] = Field((), "int64", (0, int(num_classes)))
    check_image(fields.get("image"))
    check_point(fields.get("point"))
    return builder(fields, **option_values.resolve(builder, options))


def build_from_recipe(recipe, fields):
    """The model of a `Recipe` for data of `fields`; its seed is the recipe's, where the builder takes one."""
    from tfgen.recipes import options as option_values

    takes_seed = "seed" in option_values.option_parameters(MODELS.get(recipe.model))
    return build_model(recipe.model, fields=fields, **recipe.options, **({"seed": recipe.seed} if takes_seed else {}))


def check_image(field):
    if field is None:
        return
    shape = tuple(field.shape)
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise UserError(f"images must be [height, width, 1 or 3 channels], got {shape}")
    if not all(16 <= side <= 128 for side in shape[:2]):
        raise UserError(
            f"images must be 16 to 128 pixels a side, got {shape[0]}x{shape[1]}; give image_size to resize them"
        )


def check_point(field):
    if field is not None and (tuple(field.shape) != (2,) or field.dtype != "float32"):
        raise UserError(f"points must be float32 [2], in the plane, got {field.dtype} {list(field.shape)}")
