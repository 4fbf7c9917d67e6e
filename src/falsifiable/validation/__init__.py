"""Plan and run falsifiers, each in a process of its own: contracts and artifacts in, judgements out."""

from falsifiable.validation.engine import challenge_workspace as challenge_workspace
from falsifiable.validation.engine import validate as validate
from falsifiable.validation.engine import validate_workspace as validate_workspace
from falsifiable.validation.plan import Options as Options
from falsifiable.validation.results import ContractResult as ContractResult
from falsifiable.validation.results import Judgement as Judgement

__all__ = ["ContractResult", "Judgement", "Options", "challenge_workspace", "validate", "validate_workspace"]
