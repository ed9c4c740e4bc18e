from .cascade.cascade import CascadedUnlearning as CascadedUnlearning
from .errors import UnlearningDivergedError as UnlearningDivergedError
from .errors import UnlearningError as UnlearningError
from .forget.forget import ForgetClasses as ForgetClasses
from .forget.items import ForgetItems as ForgetItems
from .gan.gan import GAN as GAN
from .handlers.events import UnlearningEvents as UnlearningEvents
from .handlers.phase import UnlearningPhase as UnlearningPhase
from .handlers.replaced_dataset import ReplacedDataset as ReplacedDataset
from .handlers.replay import Replay as Replay
from .handlers.snapshots import Snapshots as Snapshots
from .handlers.stopping import StopWhenForgotten as StopWhenForgotten
from .record.handler import ErasureRecord as ErasureRecord
from .record.ledger import Ledger as Ledger

__version__: str
__all__: list[str]
