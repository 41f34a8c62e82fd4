"""`mean_flow`: a flow that needs one step."""

import dataclasses

from tfgen import samplers
from tfgen.data.source import Field
from tfgen.domains import NotNegative, Share
from tfgen.families.flow.mean import MeanFlow
from tfgen.models.common import compiled, data_of, only, seeded
from tfgen.models.flow import flow_conditions, flow_network, flow_options
from tfgen.models.options import Flow, FlowNetwork, Optimizer
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Spans(Options):
    """The steps of which a mean flow learns.

    Attributes:
        spans: share of the examples from which a step of some length is learned; of the others the velocity itself
        robustness: p of the weight 1 / (squared error + 0.001)^p of an example
    """

    spans: Share = 0.25
    robustness: NotNegative = 1.0


def mean_flow(
    fields: dict[str, Field],
    *,
    flow_net: FlowNetwork = FlowNetwork(time_frequency=2.0),
    flow: Flow = Flow(times="logit_normal", sampler=samplers.jump()),
    spans: Spans = Spans(),
    optimization: Optimizer = Optimizer(),
) -> MeanFlow:
    """Mean flow: the mean velocity of a step of any length, so that one step makes a sample (Geng et al. 2025).

    Args:
        fields: of the data set.
        flow_net: options of the network; it is differentiated by the time, so that fast features of it are noise.
        flow: options of the family.
        spans: options of the steps.
        optimization: options of the optimizer.
    """
    name, shape = data_of(fields, "mean_flow")
    conditions = flow_conditions(fields, flow, "mean_flow")
    with seeded(flow.seed):
        network = flow_network(shape, flow_net, conditions, name, ("time", "span"))
    options = flow_options(flow.replace(predicts="velocity", min_snr=None), conditions)
    flow.idle("of a mean flow, which learns the velocity", "predicts", "min_snr")
    kept = only(fields, name, *conditions)
    options |= {"spans": spans.spans, "robustness": spans.robustness}
    return compiled(MeanFlow(network, fields=kept, name="mean_flow", **options), optimization)
