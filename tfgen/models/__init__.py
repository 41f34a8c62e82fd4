"""Named models: the table of builders, and `build_model`. Importing this imports no TensorFlow."""

import contextlib
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from registry import Registry
from tfgen.domains import Count, Natural, check
from tfgen.errors import UserError, shown

if TYPE_CHECKING:
    from tfgen.data.source import Field
    from tfgen.recipes.options import Idle
    from tfgen.recipes.recipe import Recipe
    from tfgen.training.model import GenerativeModel

MODELS = Registry(
    "model",
    {
        "ae": (
            "tfgen.models.vae:ae",
            "Plain autoencoder: the baseline that reconstructs and cannot generate by itself.",
        ),
        "vae": ("tfgen.models.vae:vae", "Variational autoencoder (Kingma and Welling 2014)."),
        "beta_vae": (
            "tfgen.models.vae_objectives:beta_vae",
            "beta-VAE: a VAE with a larger weight on the divergence from the prior (Higgins et al. 2017).",
        ),
        "beta_tc_vae": (
            "tfgen.models.vae_objectives:beta_tc_vae",
            "beta-TCVAE: of the divergence from the prior, the total correlation alone weighs more (Chen et al. 2018).",
        ),
        "info_vae": (
            "tfgen.models.vae_objectives:info_vae",
            "InfoVAE: a discrepancy of all codes and the prior beside the divergence of each (Zhao et al. 2019).",
        ),
        "iwae": (
            "tfgen.models.vae_objectives:iwae",
            "Importance-weighted autoencoder: a tighter bound, of several draws per image (Burda et al. 2016).",
        ),
        "miwae": (
            "tfgen.models.vae_objectives:miwae",
            "Multiply importance-weighted autoencoder: the mean of several such bounds (Rainforth et al. 2018).",
        ),
        "factor_vae": (
            "tfgen.models.factor_vae:factor_vae",
            "FactorVAE: a discriminator of codes measures their total correlation (Kim and Mnih 2018).",
        ),
        "two_stage_vae": (
            "tfgen.models.two_stage_vae:two_stage_vae",
            "Two-stage VAE: a second VAE learns the codes of the first (Dai and Wipf 2019).",
        ),
        "iaf_vae": (
            "tfgen.models.iaf_vae:iaf_vae",
            "VAE whose posterior is an inverse autoregressive flow (Kingma et al. 2016).",
        ),
        "vamp_vae": (
            "tfgen.models.vamp_vae:vamp_vae",
            "VAE whose prior is the mean of its posteriors at learned images (Tomczak and Welling 2018).",
        ),
        "ladder_vae": (
            "tfgen.models.ladder_vae:ladder_vae",
            "Ladder VAE: several layers of latents, from maps to a vector at the top (Sønderby et al. 2016).",
        ),
        "vq_vae": (
            "tfgen.models.vq_vae:vq_vae",
            "VQ-VAE: codes of a codebook, and an autoregressive prior of their grid (van den Oord et al. 2017).",
        ),
        "cvae": ("tfgen.models.cvae:cvae", "Conditional VAE: images of a chosen class (Sohn et al. 2015)."),
        "wae": (
            "tfgen.models.wae:wae",
            "Wasserstein autoencoder: the codes of all images together follow the prior (Tolstikhin et al. 2018).",
        ),
        "rae": (
            "tfgen.models.rae:rae",
            "Regularised autoencoder: small codes and a smooth decoder in place of noise (Ghosh et al. 2020).",
        ),
        "gan": ("tfgen.models.gan:gan", "Generative adversarial network with dense networks (Goodfellow et al. 2014)."),
        "dcgan": ("tfgen.models.gan:dcgan", "Deep convolutional GAN (Radford et al. 2016)."),
        "srgan": (
            "tfgen.models.srgan:srgan",
            "Pictures from pictures four times smaller, or of any whole factor (Ledig et al. 2017).",
        ),
        "cyclegan": (
            "tfgen.models.cyclegan:cyclegan",
            "Pictures of one domain as pictures of another, without pairs (Zhu et al. 2017).",
        ),
        "pix2pix": (
            "tfgen.models.pix2pix:pix2pix",
            "Pictures of pictures, learnt from pairs: U-Net and PatchGAN (Isola et al. 2017).",
        ),
        "cgan": ("tfgen.models.gan:cgan", "Conditional GAN: images of a chosen class (Mirza and Osindero 2014)."),
        "acgan": (
            "tfgen.models.acgan:acgan",
            "Auxiliary classifier GAN: the discriminator also names the class (Odena et al. 2017).",
        ),
        "projection_gan": (
            "tfgen.models.projection_gan:projection_gan",
            "GAN with a projection discriminator and conditional batch norm (Miyato and Koyama 2018).",
        ),
        "caption_gan": (
            "tfgen.models.caption_gan:caption_gan",
            "Images from captions, by a discriminator that knows wrong captions (Reed et al. 2016).",
        ),
        "infogan": (
            "tfgen.models.infogan:infogan",
            "InfoGAN: discrete and continuous codes that images tell of (Chen et al. 2016).",
        ),
        "bigan": (
            "tfgen.models.bigan:bigan",
            "Bidirectional GAN, whose encoder inverts the generator (Donahue et al. 2017).",
        ),
        "aae": (
            "tfgen.models.aae:aae",
            "Adversarial autoencoder: a discriminator makes codes follow the prior (Makhzani et al. 2016).",
        ),
        "vae_gan": (
            "tfgen.models.vae_gan:vae_gan",
            "VAE whose similarity of images is learned by a discriminator (Larsen et al. 2016).",
        ),
        "sgan": (
            "tfgen.models.sgan:sgan",
            "Semi-supervised GAN: a classifier of few labelled images and many without labels (Salimans et al. 2016).",
        ),
        "lsgan": ("tfgen.models.lsgan:lsgan", "Least-squares GAN (Mao et al. 2017)."),
        "wgan": ("tfgen.models.wgan:wgan", "Wasserstein GAN with a clipped critic (Arjovsky et al. 2017)."),
        "wgan_gp": ("tfgen.models.wgan_gp:wgan_gp", "Wasserstein GAN with a gradient penalty (Gulrajani et al. 2017)."),
        "dragan": ("tfgen.models.dragan:dragan", "DRAGAN: a gradient penalty near real images (Kodali et al. 2017)."),
        "ragan": ("tfgen.models.ragan:ragan", "Relativistic average GAN (Jolicoeur-Martineau 2018)."),
        "pacgan": (
            "tfgen.models.pacgan:pacgan",
            "PacGAN: the discriminator sees several samples at once, and so their diversity (Lin et al. 2018).",
        ),
        "sngan": (
            "tfgen.models.sngan:sngan",
            "Residual GAN with spectral normalisation in the discriminator (Miyato et al. 2018).",
        ),
        "sagan": ("tfgen.models.sagan:sagan", "Self-attention GAN (Zhang et al. 2019)."),
        "r3gan": (
            "tfgen.models.r3gan:r3gan",
            "R3GAN: relativistic pairs, penalties on real and generated images, modern networks (Huang et al. 2024).",
        ),
        "began": (
            "tfgen.models.began:began",
            "BEGAN: the discriminator is an autoencoder, and its error the criterion (Berthelot et al. 2017).",
        ),
        "made": (
            "tfgen.models.autoregressive:made",
            "MADE: a dense network masked so that each pixel depends on those before it (Germain et al. 2015).",
        ),
        "pixelcnn": (
            "tfgen.models.autoregressive:pixelcnn",
            "Gated PixelCNN: convolutions of the pixels above and to the left (van den Oord et al. 2016).",
        ),
        "realnvp": (
            "tfgen.models.realnvp:realnvp",
            "Real NVP: a flow of coupling layers, exact both ways, of points or images (Dinh et al. 2017).",
        ),
        "flow_matching": (
            "tfgen.models.flow:flow_matching",
            "Flow matching: a velocity that moves noise to data on straight lines (Lipman et al. 2023).",
        ),
        "ddpm": (
            "tfgen.models.ddpm:ddpm",
            "Denoising diffusion: a network that tells the noise from the data, at every mixture (Ho et al. 2020).",
        ),
        "mean_flow": (
            "tfgen.models.mean_flow:mean_flow",
            "Mean flow: the mean velocity of a step of any length, so that one step makes a sample (Geng et al. 2025).",
        ),
        "latent_flow": (
            "tfgen.models.latent_flow:latent_flow",
            "Flow of the codes of an autoencoder, which is trained first (Rombach et al. 2022).",
        ),
    },
    group="tfgen.models",
)
register_model = MODELS.register
model_names = MODELS.names


def build_model(
    name: str,
    image_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
    fields: "dict[str, Field] | None" = None,
    **options: Any,
) -> "GenerativeModel":
    """Builds and compiles the model called `name`, with the options of its recipe.

    A name means the recipe of `configs/NAME.py`, as it does for `tfgen run --model=NAME`, and "dcgan_paper" that of
    `configs/dcgan_paper.py`; a model without one has its builder's defaults. Of a recipe the options count alone: data,
    batch size, precision and the schedule of the learning rate, which may span all steps, belong to a training
    (`tfgen.train`). `fit` runs at constant rates until the optimizers are given others.

    Args:
        name: one of `tfgen.model_names()`, or of a recipe in `configs/`.
        image_shape: (H, W, C), each side 8 to 512 pixels; the shorthand for a data set of pictures.
        num_classes: number of classes of int64 labels, for conditional models.
        fields: instead of both, a data set's `Source.fields`.
        **options: other values of options, as values or as the text a flag would give.

    Raises:
        UserError: an unknown name or option, a value of the wrong type, a shape out of range, an option that has no
            effect.
    """
    from tfgen.data.source import Field
    from tfgen.recipes.options import refuse
    from tfgen.recipes.recipe import default_recipe, recipe_names

    if name not in recipe_names():
        MODELS.get(name)  # first: of several mistakes an unknown name is the one to report
    if fields is None:
        if image_shape is None:
            raise UserError(f"build_model({name!r}) needs image_shape=(height, width, channels), or fields=")
        fields = {"image": Field("image", _sides(image_shape))}
        if num_classes is not None:
            check("num_classes", num_classes, Count)
            fields["label"] = Field("label", range=(0, int(num_classes)))
    recipe = default_recipe(name)
    model, idle = _build(recipe.model, fields, {**recipe.options, **options}, options)
    refuse(idle, options)
    return model


def _sides(image_shape: Any) -> tuple[int, ...]:
    try:
        sides = tuple(image_shape)
    except TypeError:
        raise UserError(f"image_shape must be (height, width, channels), got {shown(image_shape)}") from None
    for side in sides:
        check("each of image_shape", side, Natural)
    return tuple(map(int, sides))


def check_options(name: str, options: "dict[str, Any]") -> None:
    """Checks the names, types and domains of options, without data and without building the model.

    Raises:
        UserError: an unknown option, a value of another type or domain.
        RegistryError: an unknown model.
    """
    from tfgen.recipes.options import resolve

    resolve(MODELS.get(name), options)


class Settled(NamedTuple):
    """A model built from a recipe.

    Attributes:
        model: the compiled model.
        recipe: the recipe without the options that have no effect, for the record of a run.
        notes: sentences on what was left out.
    """

    model: "GenerativeModel"
    recipe: "Recipe"
    notes: list[str]


def settle(recipe: "Recipe", fields: "dict[str, Field]", given: Iterable[str] = ()) -> Settled:
    """Builds the model of a recipe for data of `fields`, and leaves out the recipe's options that have no effect.

    The model's seed is the recipe's, where the builder takes one; its initial weights follow from it in any case.

    Args:
        recipe: a `Recipe`.
        fields: name -> `Field` of its data.
        given: options that a user gave, besides those in `recipe.given`.

    Raises:
        UserError: an option that a user gave has no effect; further as `build_model`.
    """
    from tfgen.networks.seeding import seeded  # here, since it imports Keras
    from tfgen.recipes.options import left_out, option_parameters, refuse

    takes_seed = "seed" in option_parameters(MODELS.get(recipe.model))
    if "seed" in recipe.options:
        raise UserError(
            f"seed is a field of a recipe, not an option: write seed={recipe.options['seed']} beside options"
        )
    seed = {"seed": recipe.seed} if takes_seed else {}
    given = recipe.given.union(given)
    with seeded(recipe.seed):  # also for builders that take none: a recipe twice has the same bits
        model, idle = _build(recipe.model, fields, {**recipe.options, **seed}, given)
    refuse(idle, given)
    brought = [option for option in idle if option.name in recipe.options.keys() - given]
    return Settled(model, recipe.without_options(option.name for option in brought), left_out(brought))


def build_from_recipe(recipe: "Recipe", fields: "dict[str, Field]") -> "GenerativeModel":
    """Builds the model of a recipe, as `settle` does."""
    return settle(recipe, fields).model


def _build(
    name: str, fields: "dict[str, Field]", options: dict[str, Any], given: Collection[str]
) -> "tuple[GenerativeModel, list[Idle]]":
    """Returns the model, and the options that have no effect on it; `given` are those that come from a user."""
    # here, since they import Keras
    from tfgen.models.failures import made_by
    from tfgen.networks.seeding import seeded
    from tfgen.recipes import options as values
    from tfgen.training.model import GenerativeModel

    check_image(fields.get("image"))
    check_point(fields.get("point"))
    builder, usage = MODELS.get(name), values.Usage()
    resolved, aside = values.resolve(builder, options), values.displaced(builder, given)
    displaced = [values.Idle(option, resolved.pop(option), False, aside[option]) for option in aside.keys() & resolved]
    takes = values.option_parameters(builder)
    # here, so that builders of plugins need not seed; a builder without a `seed` draws as Keras does where it is called
    seed = resolved.get("seed", takes["seed"].default) if "seed" in takes else None
    with contextlib.nullcontext() if seed is None else seeded(seed):
        model = made_by(builder, name, fields, values.keyword_arguments(builder, resolved, usage))
    if not isinstance(model, GenerativeModel) or not model.compiled:
        known = "" if model is None or isinstance(model, GenerativeModel) else ", which is no tfgen.GenerativeModel"
        got = "None" if model is None else f"a {type(model).__name__}{known or ' that is not compiled'}"
        raise UserError(f"the builder of {name!r} must return a compiled model, got {got}: end it with `return model`")
    model.name = name  # a builder that calls another one gets a model of that one's name
    return model, [*values.without_effect(builder, resolved, usage), *sorted(displaced)]


def check_image(field: "Field | None") -> None:
    """Raises UserError for images of an unsupported shape."""
    if field is None:
        return
    shape = tuple(field.shape)
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise UserError(f"images must be [height, width, 1 or 3 channels], got {shape}")
    from tfgen.data.pixels import SIDES

    if not all(SIDES[0] <= side <= SIDES[1] for side in shape[:2]):
        raise UserError(
            f"images must be {SIDES[0]} to {SIDES[1]} pixels per side, got {shape[0]}x{shape[1]}; give image_size to "
            "resize them"
        )


def check_point(field: "Field | None") -> None:
    """Raises UserError for points that are not in the plane."""
    if field is not None and (tuple(field.shape) != (2,) or field.dtype != "float32"):
        raise UserError(f"points must be float32 [2], in the plane, got {field.dtype} {list(field.shape)}")
