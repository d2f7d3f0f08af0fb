"""What each protocol's choices are, every one a named field."""

from umcl_bench.spec.protocols.fine_tuning import FineTune as FineTune
from umcl_bench.spec.protocols.fitting import Fitting as Fitting
from umcl_bench.spec.protocols.grounding import Grounding as Grounding
from umcl_bench.spec.protocols.probing import Probe as Probe
from umcl_bench.spec.protocols.retrieval import EIGHT as EIGHT
from umcl_bench.spec.protocols.retrieval import EIGHT_SENTENCES as EIGHT_SENTENCES
from umcl_bench.spec.protocols.retrieval import Retrieval as Retrieval
from umcl_bench.spec.protocols.robustness import CORRUPTIONS as CORRUPTIONS
from umcl_bench.spec.protocols.robustness import MOVING as MOVING
from umcl_bench.spec.protocols.robustness import Robust as Robust
from umcl_bench.spec.protocols.segmentation import GLORIA_FITTING as GLORIA_FITTING
from umcl_bench.spec.protocols.segmentation import MGCA_FITTING as MGCA_FITTING
from umcl_bench.spec.protocols.segmentation import Segmentation as Segmentation
from umcl_bench.spec.protocols.zero_shot import COMPETITION as COMPETITION
from umcl_bench.spec.protocols.zero_shot import ClassPrompts as ClassPrompts
from umcl_bench.spec.protocols.zero_shot import PromptSensitivity as PromptSensitivity
from umcl_bench.spec.protocols.zero_shot import ZeroShot as ZeroShot

Plain = ZeroShot | ClassPrompts | PromptSensitivity | Probe | FineTune | Retrieval | Segmentation | Grounding
Protocol = Plain | Robust
