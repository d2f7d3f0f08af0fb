"""Frozen values that say what a model, a task and a run are. Imports no torch.

Every value turns into plain data (`to_dict`) and has a digest over all that can change a figure. Fields that only
explain (titles, references, evidence) are marked `doc()` and stay out of the digest.
"""

from umcl_bench.spec.ablations import ABLATIONS as ABLATIONS
from umcl_bench.spec.ablations import Ablation as Ablation
from umcl_bench.spec.ablations import Arm as Arm
from umcl_bench.spec.ablations import Claim as Claim
from umcl_bench.spec.ablations import Measure as Measure
from umcl_bench.spec.evidence import Evidence as Evidence
from umcl_bench.spec.evidence import Tag as Tag
from umcl_bench.spec.images import PAD as PAD
from umcl_bench.spec.images import Augment as Augment
from umcl_bench.spec.images import Geometry as Geometry
from umcl_bench.spec.images import ImageTower as ImageTower
from umcl_bench.spec.models import LABEL_LOSSES as LABEL_LOSSES
from umcl_bench.spec.models import LOSSES as LOSSES
from umcl_bench.spec.models import Baseline as Baseline
from umcl_bench.spec.models import Heads as Heads
from umcl_bench.spec.models import Objective as Objective
from umcl_bench.spec.models import Position as Position
from umcl_bench.spec.models import Prompt as Prompt
from umcl_bench.spec.models import PromptKind as PromptKind
from umcl_bench.spec.models import RowKind as RowKind
from umcl_bench.spec.models import Sampling as Sampling
from umcl_bench.spec.models import Similarity as Similarity
from umcl_bench.spec.models import Term as Term
from umcl_bench.spec.models import TermKind as TermKind
from umcl_bench.spec.protocols import COMPETITION as COMPETITION
from umcl_bench.spec.protocols import EIGHT as EIGHT
from umcl_bench.spec.protocols import EIGHT_SENTENCES as EIGHT_SENTENCES
from umcl_bench.spec.protocols import GLORIA_FITTING as GLORIA_FITTING
from umcl_bench.spec.protocols import MGCA_FITTING as MGCA_FITTING
from umcl_bench.spec.protocols import ClassPrompts as ClassPrompts
from umcl_bench.spec.protocols import FineTune as FineTune
from umcl_bench.spec.protocols import Fitting as Fitting
from umcl_bench.spec.protocols import Grounding as Grounding
from umcl_bench.spec.protocols import Probe as Probe
from umcl_bench.spec.protocols import PromptSensitivity as PromptSensitivity
from umcl_bench.spec.protocols import Protocol as Protocol
from umcl_bench.spec.protocols import Retrieval as Retrieval
from umcl_bench.spec.protocols import Robust as Robust
from umcl_bench.spec.protocols import Segmentation as Segmentation
from umcl_bench.spec.protocols import ZeroShot as ZeroShot
from umcl_bench.spec.recipe import LAST as LAST
from umcl_bench.spec.recipe import Init as Init
from umcl_bench.spec.recipe import Precision as Precision
from umcl_bench.spec.recipe import Recipe as Recipe
from umcl_bench.spec.recipe import Selection as Selection
from umcl_bench.spec.recipe import SelectionRule as SelectionRule
from umcl_bench.spec.recipe import Setting as Setting
from umcl_bench.spec.sizes import BASE as BASE
from umcl_bench.spec.sizes import IMAGE_TOWERS as IMAGE_TOWERS
from umcl_bench.spec.sizes import SIZES as SIZES
from umcl_bench.spec.sizes import SMALL as SMALL
from umcl_bench.spec.sizes import TINY as TINY
from umcl_bench.spec.sizes import Optim as Optim
from umcl_bench.spec.sizes import Size as Size
from umcl_bench.spec.sizes import TextTower as TextTower
from umcl_bench.spec.sizes import clinical_bert as clinical_bert
from umcl_bench.spec.sizes import with_image_tower as with_image_tower
from umcl_bench.spec.suites import SUITES as SUITES
from umcl_bench.spec.suites import Suite as Suite
from umcl_bench.spec.tasks import ROBUST as ROBUST
from umcl_bench.spec.tasks import Intervals as Intervals
from umcl_bench.spec.tasks import Task as Task
from umcl_bench.spec.tasks import robust as robust
from umcl_bench.values import digest as digest
from umcl_bench.values import doc as doc
from umcl_bench.values import flatten as flatten
from umcl_bench.values import to_dict as to_dict

METHODS = {"films": 2, "labels": 1, "training": 4, "scoring": 1, "metrics": 2}
"""Versions of the code behind a figure, part of every record's id: raise one whenever equal specs would give others."""
