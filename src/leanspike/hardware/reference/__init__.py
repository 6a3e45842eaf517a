"""Published figures the model is compared with, each with its source."""

from leanspike.hardware.reference.published import PublishedEnergy as PublishedEnergy
from leanspike.hardware.reference.published import published_accuracy as published_accuracy
from leanspike.hardware.reference.published import published_breakdown as published_breakdown
from leanspike.hardware.reference.published import published_energy as published_energy
from leanspike.hardware.reference.sparsity import published_setting as published_setting
