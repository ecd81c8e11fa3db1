"""The pipeline on a Kubeflow cluster: what settings must be there, uploads, runs and schedules, and how they end."""

from pipelines.cluster.checks import check_settings as check_settings
from pipelines.cluster.client import ANSWER_S as ANSWER_S
from pipelines.cluster.client import Cluster as Cluster
from pipelines.cluster.client import named as named
from pipelines.cluster.errors import TROUBLE as TROUBLE
from pipelines.cluster.errors import reason as reason
from pipelines.cluster.submitting import Submitted as Submitted
from pipelines.cluster.submitting import submit as submit
from pipelines.cluster.submitting import submit_promotion as submit_promotion
