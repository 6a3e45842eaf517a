"""The model beside published figures: functions that compare, and the cases to compare."""

from leanspike.hardware.validation.agreement import line_through as line_through
from leanspike.hardware.validation.agreement import rank_correlation as rank_correlation
from leanspike.hardware.validation.agreement import relative_error as relative_error
from leanspike.hardware.validation.paper import PaperComparison as PaperComparison
from leanspike.hardware.validation.paper import compare_with_paper as compare_with_paper
from leanspike.hardware.validation.paper import published_settings as published_settings
from leanspike.hardware.validation.silicon import SNE as SNE
from leanspike.hardware.validation.silicon import SPINALFLOW as SPINALFLOW
from leanspike.hardware.validation.silicon import sne_network as sne_network
from leanspike.hardware.validation.silicon import vgg_quantized as vgg_quantized
from leanspike.hardware.validation.silicon import vgg_spiking as vgg_spiking
