"""Train, compress and evaluate a network on frames."""

from leanspike.errors import need

need("torch", extra="train", by=__name__)

from leanspike.training.batches import Batches as Batches
from leanspike.training.batches import network_input as network_input
from leanspike.training.config import TrainingConfig as TrainingConfig
from leanspike.training.config import lr_factor as lr_factor
from leanspike.training.evaluate import evaluate as evaluate
from leanspike.training.fit import device_of as device_of
from leanspike.training.fit import fit as fit
from leanspike.training.loss import Distillation as Distillation
from leanspike.training.loss import frozen_copy as frozen_copy
from leanspike.training.loss import rate_loss as rate_loss
from leanspike.training.records import EpochRecord as EpochRecord
from leanspike.training.records import FitResult as FitResult
from leanspike.training.strategies import needs_origin as needs_origin
from leanspike.training.strategies import run_phase as run_phase
from leanspike.training.strategies import run_strategy as run_strategy
from leanspike.training.weights import weights_digest as weights_digest
