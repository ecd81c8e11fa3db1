"""The part of the v2beta1 API that textgate uses, on a free port of this machine.

What goes out and comes in passes through the models of kfp_server_api, so that field names are the published ones.
Uploads are parsed with the protos, and a run's parameters are held against the inputs that its pipeline declares.
"""

from tests.pipelines.loopback_kfp.server import loopback as loopback
from tests.pipelines.loopback_kfp.state import Fault as Fault
from tests.pipelines.loopback_kfp.state import State as State
