"""Tables of the reruns, by subject."""

from reruns.models.configs import RunConfig
from reruns.models.connections import SdkConnection, SessionClaim
from reruns.models.evaluations import Evaluation, JudgeSettings
from reruns.models.policies import RerunPolicy
from reruns.models.sampling import SampledTrace, SamplingConfig
from reruns.models.triggers import Delivery, Run, Trigger

__all__ = [
    "Delivery",
    "Evaluation",
    "JudgeSettings",
    "RerunPolicy",
    "Run",
    "RunConfig",
    "SampledTrace",
    "SamplingConfig",
    "SdkConnection",
    "SessionClaim",
    "Trigger",
]
