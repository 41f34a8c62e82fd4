"""The page of `benchmarks.rigged`: what the diagnosis measures, what its findings mean, and the two tables."""

from collections.abc import Sequence
from typing import Any

from benchmarks import machine, rigged_rows
from benchmarks.rigged_rows import Row

PAGE = """# Diagnosis of training

In every run of `tfgen.run`, and with the callback `tfgen.Diagnosis`, the model is measured before its first step and
then about every 150 steps, after the first thousand every 300, on the same images and the same noise: one row of
`diagnosis.csv` per measurement. Rules read the rows. What they find is printed, and stands in `diagnosis.json` as a
list of `{{step, name, message}}`, `[]` where nothing is found; remarks on the data and on the length of the
training have step 0. A condition has to hold for three measurements in a row to become a finding (divergence
for fewer; at the end of training two are enough). `--stop=divergence` ends a run that has diverged.

## What is measured

{columns}

Of a training in stages, a network is measured from its own stage on.

## Findings

{findings}

Further families have findings of their own, for which no faults were put into trainings:

{unrigged}

## What it costs

CPU seconds of whole trainings by the default recipes, on one thread, and what the diagnosis adds to them; its first
measurement builds a graph. Other work ran beside them; beside more of it, the first measurement of `cgan`
took 2.2 s, and all of it 3.1 %. A trial of a discriminator at chance, of which these four trainings
had none, takes 0.7 to 0.9 s.

```text
python -m benchmarks.diagnosis_cost --models=dcgan,cgan,vae,gan
```

{costs}

## Rigged trainings

{rigged_count} trainings with a fault that was put there, {kinds} kinds of faults. "Named by" has the findings that name
the fault, each with its step; "also" has all others. Images are of 16 x 16 pixels and networks small,
which faults do not mind.

```text
{command}rigged
```

{rigged}

## Healthy trainings

{healthy_count} trainings by the recipes as they are; nothing may be found. Those with all steps are whole, the others
have a third of the recipe's steps or more. `tinted` are the embedded garments in random colours; `mnist` and `cifar10`
need the places of their files (`--mnist`, `--cifar10`).

```text
{command}healthy
```

{healthy}

Measured on:

{machine}
"""

COMMAND = "python -m benchmarks.rigged --work=runs/rigged --out=docs/diagnosis --rows="

COSTS = (  # of `benchmarks.diagnosis_cost`
    ("`dcgan`", "2,664", "138.2", "1.51", "1.98 (13)", "0.09", "2.6 %", "1.2 %"),
    ("`cgan`", "4,144", "172.1", "1.70", "2.45 (18)", "0.14", "2.6 %", "1.1 %"),
    ("`vae`", "2,960", "102.4", "0.87", "1.06 (14)", "0.10", "2.0 %", "1.0 %"),
    ("`gan`", "8,880", "209.3", "1.31", "1.26 (34)", "0.03", "1.2 %", "0.6 %"),
)
COSTED = (
    "model",
    "steps",
    "training",
    "first measurement",
    "probes (number)",
    "between them",
    "added",
    "in the second half",
)

COLUMNS = (  # in diagnosis.csv, of which models, meaning
    ("NETWORK_weights", "all", "Euclidean norm of the weights of a network that is trained"),
    ("NETWORK_gradient", "all", "norm of the gradient of its loss"),
    ("NETWORK_dead", "all", "share of its kernels whose gradient is exactly 0"),
    ("loss, PHASE_loss", "all", "loss on 64 training images; of a game, one of each player"),
    (
        "condition_effect",
        "conditional",
        "how much a sample changes under another condition, in distances of two samples",
    ),
    (
        "NAME_match, NAME_match_real",
        "conditional",
        "correlation of the condition and what is read off samples, off images",
    ),
    ("real_score, held_out_score, fake_score", "adversarial", "mean D(x) of training images, held-out ones, samples"),
    ("real_output, held_out_output, fake_output", "adversarial", "the same of a loss whose outputs are no log-odds"),
    ("train_accuracy, held_out_accuracy, fake_accuracy", "adversarial", "share of each that D takes for what it is"),
    (
        "train_separation, held_out_separation",
        "adversarial",
        "share of pairs in which D ranks the image above the sample",
    ),
    ("equilibrium_distance", "adversarial", "mean of \\|D - 1/2\\| over held-out images and samples"),
    ("probes_at_chance", "adversarial", "number of measurements in a row that show D at chance"),
    (
        "directions, image_directions",
        "adversarial",
        "number of directions in which D's output changes at 32 training images, and of these",
    ),
    (
        "generator_slope",
        "adversarial",
        "mean slope of G's loss over D's outputs: the share of D's gradient that reaches G",
    ),
    ("diversity", "adversarial", "mean distance of two samples, relative to that of two images"),
    ("nearest_diversity", "adversarial", "median distance of a sample to the nearest other one, relative to images"),
    ("energy_distance", "adversarial", "distance of samples and images in pixels: 0 if alike, at most 1"),
    ("trained_...", "adversarial", "the last three of the trained G, where samples are of its average"),
    (
        "saturation, real_saturation",
        "adversarial",
        "share of values at the ends of the range, of samples and of images",
    ),
    ("out_of_range", "adversarial", "share of samples' values outside of the range of images"),
    (
        "explained",
        "variational, translation",
        "share of the pixels' variance that reconstructions or translations of held-out images explain",
    ),
    ("one_more", "variational", "share of that variance that one more latent could explain at most, linearly"),
    ("latents, active_units", "variational", "number of latents, and of those whose mean varies (Burda et al. 2016)"),
    (
        "kl, kl_latent_median, kl_latent_max",
        "variational",
        "KL(q(z\\|x) \\|\\| p(z)) in nats per image, and of one latent",
    ),
    ("posterior_sd", "variational", "mean standard deviation of q(z\\|x)"),
    ("aggregate_distance", "variational", "energy distance of codes of images and of the prior: 0 if alike, at most 1"),
    ("held_out_loss", "variational", "loss on held-out images"),
    (
        "layers, kl_layer_1, kl_layer_2",
        "`ladder_vae`",
        "number of layers of latents, and KL of each in nats per image, 1 the lowest",
    ),
    (
        "codes, codes_in_use, code_perplexity",
        "`vq_vae`",
        "size of the codebook, codes with a tenth of the mean use, and how many used alike would say as much",
    ),
    (
        "category_accuracy, category_chance",
        "`infogan`",
        "share of samples whose category Q finds, and 1 / categories",
    ),
    (
        "train_class_accuracy, held_out_class_accuracy, fake_class_accuracy",
        "classifying",
        "share of each to which D's classifier gives its label",
    ),
    ("train_nll, held_out_nll", "autoregressive, exact", "-log p(x) in nats per image"),
    (
        "explained_early, explained_middle, explained_late",
        "flows",
        "share of the variance of the network's target that it explains at t = 0.2, 0.5, 0.8",
    ),
    (
        "train_error, held_out_error",
        "flows, translation",
        "mean squared error of a flow; mean absolute error of translations in [0, 1]",
    ),
    (
        "forth_cycle_error, back_cycle_error",
        "two domains",
        "mean absolute error of the ways there and back, from A and from B, in [0, 1]",
    ),
    (
        "forth_change, back_change",
        "two domains",
        "mean absolute difference of a translation from its source, in [0, 1]",
    ),
)

FINDINGS = (  # in diagnosis.json, of which models, meaning, what usually helps
    (
        "nearly_black, nearly_constant",
        "data",
        "a quarter of the images or more are black or of one colour, or all images are nearly the same",
        "leave them out, or check how images were read and scaled",
    ),
    ("narrow_range", "data", "pixels use a small part of 0 to 1", "scale the images to the whole range"),
    ("duplicates", "data", "most training images are copies of others", "leave the copies out"),
    (
        "few_images",
        "data",
        "so few images that a network knows them by heart",
        "more images, augmentation, a smaller network, an early end",
    ),
    (
        "unbalanced_classes, missing_classes",
        "data",
        "classes with few images or none",
        "more images of them, labels without gaps",
    ),
    ("uninformative_condition", "conditional", "labels say nothing of the images", "check that both are in one order"),
    (
        "other_range, bounded_logits",
        "networks",
        "the generator's last activation does not fit value_range, or a network that gives logits ends in a sigmoid",
        "another last activation, or value_range",
    ),
    ("learning_rate", "all", "a rate of 0, or a schedule that ends early: nothing is trained", "a rate above 0"),
    (
        "rate_too_high",
        "all",
        "an update moves every weight by a fifth of the weights' size or more (Adam and its like)",
        "a tenth of the rate, a warmup",
    ),
    ("few_updates", "all", "the batch is so large that few updates are left", "a smaller batch, more epochs"),
    ("too_few_steps", "all", "the training was too short for a finding", "more steps"),
    (
        "diverged",
        "all",
        "a loss, a gradient or weights are not finite, or a loss rises without bound",
        "a lower learning rate, float32, a gradient penalty for a critic",
    ),
    (
        "loss_stands_high",
        "all",
        "the loss stands above that of the untrained model, or far above its best",
        "a lower learning rate",
    ),
    (
        "NETWORK_stands_still, NETWORK_hardly_changes",
        "all",
        "the weights are, or nearly are, those at the start",
        "a higher learning rate",
    ),
    (
        "NETWORK_dead_units",
        "all",
        "a fifth of the kernels or more receive no gradient at all",
        "a lower learning rate, leaky_relu, smaller initial weights",
    ),
    (
        "condition_ignored",
        "conditional",
        "samples do not change with the condition, or not to what it asks for",
        "check labels and networks, projection=128, more steps",
    ),
    (
        "discriminator_won",
        "adversarial",
        "D is sure of almost every image, and G learns nothing",
        "a lower rate of D, instance noise, label smoothing, a gradient penalty",
    ),
    (
        "discriminator_sure_and_wrong",
        "adversarial",
        "D is sure and still cannot tell images and samples apart",
        "a larger D, a lower rate of D, a gradient penalty",
    ),
    (
        "discriminator_narrow",
        "adversarial",
        "D has too few units, or nearly all are dead: its output changes in fewer than 6 directions at 32 images",
        "wider hidden layers, leaky_relu, a lower rate of D",
    ),
    (
        "discriminator_overfits",
        "adversarial",
        "D knows the training images, not held-out ones",
        "more images, augment, dropout, an earlier end",
    ),
    (
        "discriminator_blind, discriminator_does_not_learn",
        "adversarial",
        "D is blind: images and samples differ, and D cannot tell",
        "a higher rate of D, less noise or dropout, a larger D",
    ),
    (
        "generator_collapsed",
        "adversarial",
        "samples differ much less than images",
        "lower rates, a gradient penalty, hinge loss, larger batches, another seed",
    ),
    ("generator_saturated", "adversarial", "the minimax loss is flat where D rejects samples", "loss=non_saturating"),
    (
        "game_oscillates",
        "adversarial",
        "D's verdict turns over from probe to probe, samples stay poor",
        "less momentum, lower rates, larger batches",
    ),
    (
        "samples_saturated, samples_out_of_range",
        "adversarial",
        "values of samples lie at the ends of the range, or outside of it",
        "a lower rate of G, value_range",
    ),
    ("kl_without_weight", "variational", "beta is 0: nothing draws codes to the prior", "beta=1, or the model ae"),
    ("posterior_collapse", "variational", "latents say nothing of the image", "lower beta, kl_warmup_steps"),
    (
        "far_from_prior, no_noise",
        "variational",
        "codes of images lie where the prior does not, or have no noise: samples are of codes unknown to the decoder",
        "a larger beta, a wider likelihood, fewer latents",
    ),
    ("latents_too_many", "variational", "the information is spread so thinly that noise hides it", "fewer latents"),
    (
        "latents_too_few",
        "variational",
        "all latents are full, and one more would explain a good part of the variance",
        "more latents",
    ),
    ("unused_latents", "variational", "half of the latents or more say nothing", "lower beta, fewer latents"),
    (
        "reconstructs_the_mean",
        "variational",
        "reconstructions are no better than the mean image",
        "another learning rate, more steps, a larger network",
    ),
    ("overfits", "variational", "the loss on held-out images rises", "stop there, more images, a smaller network"),
)

UNRIGGED = (  # as FINDINGS, of rules for which there is no rigged training
    (
        "layer_idle",
        "`ladder_vae`",
        "a layer of latents, but not all, says nothing of the image",
        "free_bits=1, a warm-up of the KL",
    ),
    (
        "codebook_idle",
        "`vq_vae`",
        "the codes in use say no more than a tenth of the codebook could",
        "restart_below=0.01, a smaller commitment, fewer codes",
    ),
    ("codes_ignored", "`infogan`", "samples do not show their category", "information=2, a lower rate, more steps"),
    (
        "likelihood_overfits",
        "autoregressive, exact",
        "-log p of held-out images rises",
        "stop there, more images, dropout, a smaller network",
    ),
    (
        "flow_learns_nothing",
        "flows",
        "the network explains next to nothing of its target at any time",
        "another learning rate, more steps, a larger network",
    ),
    (
        "flow_overfits",
        "flows",
        "the error on held-out examples rises",
        "fewer steps, more data, mirrored images, more dropout",
    ),
    (
        "translates_to_the_mean",
        "translation",
        "translations are no better than the mean picture",
        "check that pairs belong together, a larger pixel_weight",
    ),
    (
        "translation_overfits",
        "translation",
        "the error on held-out pictures rises",
        "fewer steps, more pictures, more dropout",
    ),
    (
        "cycle_is_lost",
        "two domains",
        "the way there and back does not come back",
        "a larger cycle_weight, a lower rate, more steps",
    ),
    (
        "translation_stands_still",
        "two domains",
        "translators leave pictures as they are",
        "a smaller cycle_weight or identity_weight",
    ),
)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table of texts."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def listed(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Returns rows whose first cell, names with commas between them, is set as code."""
    return [(", ".join(f"`{name}`" for name in names.split(", ")), *rest) for names, *rest in rows]


def page(results: dict[str, Any]) -> str:
    """Returns the text of the page from what the JSON file holds."""
    trained = results["rows"]
    rigged = [row for row in rigged_rows.rigged() if row.name in trained]
    healthy = [row for row in rigged_rows.healthy("", "") if row.name in trained]
    found = {name: kept["findings"] for name, kept in trained.items()}
    refused = {name: kept["refused"] for name, kept in trained.items()}
    return PAGE.format(
        columns=table(("column", "of", "meaning"), listed(COLUMNS)),
        costs=table(COSTED, COSTS),
        findings=table(("name", "of", "meaning", "what usually helps"), listed(FINDINGS)),
        unrigged=table(("name", "of", "meaning", "what usually helps"), listed(UNRIGGED)),
        rigged_count=len(rigged),
        kinds=len({row.kind for row in rigged}),
        healthy_count=len(healthy),
        command=COMMAND,
        rigged=table(RIGGED, [rigged_line(row, found[row.name], refused[row.name]) for row in rigged]),
        healthy=table(HEALTHY, [healthy_line(row, found[row.name]) for row in healthy]),
        machine="\n".join(f"* {line}" for line in machine.lines(results["machine"])),
    )


RIGGED = ("rigged", "model", "named by (step)", "also (step)", "what is changed")
HEALTHY = ("model", "data", "seed", "steps", "findings")


def at(findings: Sequence[dict[str, Any]]) -> str:
    """Returns findings with their steps, each name once."""
    first = {finding["name"]: finding["step"] for finding in reversed(findings)}
    return ", ".join(f"`{name}` ({step})" for name, step in sorted(first.items(), key=lambda item: item[1]))


def rigged_line(row: Row, found: Sequence[dict[str, Any]], refused: str) -> tuple[str, ...]:
    """Returns the cells of a rigged training."""
    named = at([finding for finding in found if finding["name"] in row.expected])
    if refused and rigged_rows.REFUSED in row.expected:
        named = "refused, with a sentence"
    also = at([finding for finding in found if finding["name"] not in row.expected])
    flags = {name: value for name, value in row.flags.items() if name not in ("model", "dataset")}
    changed = " ".join(f"{name}={value}" for name, value in {"data": row.data, **flags, **row.options}.items())
    return row.kind, f"`{row.model}`", named or "not named", also, changed


def healthy_line(row: Row, found: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Returns the cells of a healthy training."""
    steps = str(row.flags.get("steps", "all"))
    return f"`{row.model}`", f"`{row.data}`", str(row.flags["seed"]), steps, at(found) or "none"
