"""`ddpm`: diffusion, a variant of `flow_matching`."""

from tfgen import interpolants, samplers
from tfgen.data.source import Field
from tfgen.families.flow.model import FlowModel
from tfgen.models.common import variant_of
from tfgen.models.flow import flow_matching
from tfgen.models.options import Flow, FlowNetwork, Optimizer


@variant_of(flow_matching)
def ddpm(
    fields: dict[str, Field],
    *,
    flow_net: FlowNetwork = FlowNetwork(),
    flow: Flow = Flow(interpolant=interpolants.cosine(), predicts="v", min_snr=5.0, sampler=samplers.ddim(20)),
    optimization: Optimizer = Optimizer(),
) -> FlowModel:
    """Denoising diffusion: a network that tells the noise from the data, at every mixture (Ho et al. 2020).

    By default with the cosine schedule (Nichol and Dhariwal 2021), v as what is learned (Salimans and Ho 2022), and
    errors weighted by min-SNR (Hang et al. 2023).
    """
    return flow_matching(fields, flow_net=flow_net, flow=flow, optimization=optimization)
